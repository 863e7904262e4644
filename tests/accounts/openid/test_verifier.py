"""ID tokens of a real local issuer: which are accepted and which are not."""

import contextlib
import logging
import time
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybook.accounts.errors import InvalidIDToken, UnknownProvider
from daybook.accounts.openid import OpenIDVerifier, VerifiedIdentity
from daybook.settings import OpenIDProvider
from tests.accounts.openid.conftest import refusal
from tests.fixtures.issuer import CLIENT_ID, DISCOVERY, JWKS, Answer, Issuer, make_key, mint


@pytest.mark.parametrize("key", [0, 1], ids=["RS256", "ES256"])
async def test_a_good_token_says_who_it_is_about(issuer: Issuer, verifier: OpenIDVerifier, key: int) -> None:
    identity = await verifier.verify("local", issuer.id_token(key=issuer.keys[key]), None)
    assert identity == VerifiedIdentity(
        provider="local",
        subject="110169484474386276334",
        email="mina@example.org",
        name="Kim Mina",
        picture="https://example.org/mina.jpg",
        locale="ko-KR",
    )


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another-app"}, "made for another client"),
        ({"aud": []}, "lacks the claim `aud`"),
        ({"aud": {CLIENT_ID: 1}}, "made for another client"),
        ({"aud": [CLIENT_ID, "another-app"], "azp": CLIENT_ID}, "other clients too"),
        ({"aud": [CLIENT_ID, "daybook-web"]}, "no `azp`"),
        ({"aud": [CLIENT_ID, "daybook-web"], "azp": "another-app"}, "no `azp`"),
        ({"iss": "https://accounts.example.org"}, "made by another issuer"),
        ({"iss": None}, "lacks the claim `iss`"),
        ({"sub": None}, "lacks the claim `sub`"),
        ({"sub": ""}, "1 to 255 printable"),
        ({"sub": "a" * 256}, "1 to 255 printable"),
        ({"sub": "a\x00"}, "1 to 255 printable"),
        ({"sub": 7}, "could not be read"),
        ({"exp": None}, "lacks the claim `exp`"),
        ({"exp": "soon"}, "could not be read"),
        ({"exp": float("inf")}, "could not be read"),
        ({"iat": None}, "lacks the claim `iat`"),
        ({"iat": time.time() + 600}, "not valid yet"),
        ({"nbf": time.time() + 600}, "not valid yet"),
    ],
)
async def test_a_wrong_claim(issuer: Issuer, verifier: OpenIDVerifier, claims: dict[str, Any], reason: str) -> None:
    assert reason in await refusal(verifier, issuer.id_token(**claims))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(90, "90 seconds"), (330, "5 minutes"), (8000, "2 hours"), (200_000, "2 days"), (10**400, "days")],
)
async def test_an_expired_token_says_since_when(
    issuer: Issuer, verifier: OpenIDVerifier, seconds: int, words: str
) -> None:
    detail = await refusal(verifier, issuer.id_token(exp=int(time.time()) - seconds))
    assert detail.startswith("The ID token expired")
    assert f"{words} ago" in detail


async def test_clocks_may_differ_by_a_minute(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    now = time.time()
    await verifier.verify("local", issuer.id_token(exp=now - 50), None)
    await verifier.verify("local", issuer.id_token(iat=now + 50, nbf=now + 50), None)


async def test_several_audiences_that_are_all_ours(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    await verifier.verify("local", issuer.id_token(aud=[CLIENT_ID]), None)
    await verifier.verify("local", issuer.id_token(aud=[CLIENT_ID, "daybook-web"], azp=CLIENT_ID), None)


async def test_alg_none(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    id_token = mint({"alg": "none", "kid": "rsa-1"}, issuer.claims(), None)
    assert await refusal(verifier, id_token) == "The ID token has to be signed with RS256 or ES256."


async def test_hs256_with_the_public_key_as_its_secret(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    public = issuer.keys[0].private.public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    id_token = mint({"alg": "HS256", "kid": "rsa-1"}, issuer.claims(), secret)
    assert "has to be signed with RS256" in await refusal(verifier, id_token)


async def test_an_algorithm_that_the_issuer_knows_and_the_settings_do_not(
    issuer: Issuer, verifier: OpenIDVerifier
) -> None:
    issuer.keys.append(replace(issuer.keys[0], kid="rsa-2", alg="RS512"))
    assert "has to be signed with RS256" in await refusal(verifier, issuer.id_token(key=issuer.keys[-1]))


async def test_a_payload_that_was_changed(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    header, _, signature = issuer.id_token().split(".")
    _, payload, _ = issuer.id_token(sub="1").split(".")
    assert "signature is wrong" in await refusal(verifier, f"{header}.{payload}.{signature}")


@pytest.mark.parametrize(("kid", "alg"), [("rsa-1", "RS256"), ("ec-1", "ES256")])
async def test_another_key_with_the_same_id(issuer: Issuer, verifier: OpenIDVerifier, kid: str, alg: str) -> None:
    assert "signature is wrong" in await refusal(verifier, issuer.id_token(key=make_key(kid, alg)))


async def test_a_key_that_the_token_brings_along_is_not_used(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    theirs = make_key("theirs")
    headers = {"jwk": theirs.jwk(), "jku": issuer.url + "/theirs", "x5u": issuer.url + "/theirs"}
    assert "key that the provider publishes" in await refusal(verifier, issuer.id_token(key=theirs, headers=headers))
    assert set(issuer.requests) == {DISCOVERY, JWKS}


async def test_without_a_key_id_the_only_key_is_meant(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    nameless = mint({"alg": "RS256"}, issuer.claims(), issuer.keys[0].private)
    await verifier.verify("local", nameless, None)


async def test_without_a_key_id_one_of_two_keys_is_not_guessed(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    issuer.keys.append(make_key("ec-2"))
    nameless = mint({"alg": "ES256"}, issuer.claims(), issuer.keys[-1].private)
    assert "key that the provider publishes" in await refusal(verifier, nameless)


@pytest.mark.parametrize(
    ("held", "sent", "reason"),
    [
        ("n-0S6", None, "send the nonce"),
        (None, "n-0S6", "holds none"),
        ("n-0S6", "n-0S7", "not the one"),
        ("n-0S6", "낮\ud800", "not the one"),
        ("\ud800", "n-0S6", "not the one"),
        (["n-0S6"], "n-0S6", "not the one"),
    ],
)
async def test_a_wrong_nonce(
    issuer: Issuer, verifier: OpenIDVerifier, held: object, sent: str | None, reason: str
) -> None:
    assert reason in await refusal(verifier, issuer.id_token(nonce=held), sent)


async def test_the_right_nonce(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    await verifier.verify("local", issuer.id_token(nonce="n-0S6"), "n-0S6")


@pytest.mark.parametrize(
    "garbage",
    ["", ".", "..", "...", "a.b.c", "낮.낮.낮", "\ud800.a.b", "eyJhbGciOiJSUzI1NiJ9", "e30.e30.", "W10.e30.e30"],
)
async def test_garbage_is_refused_without_asking_the_issuer(
    issuer: Issuer, verifier: OpenIDVerifier, garbage: str
) -> None:
    await refusal(verifier, garbage)
    assert not issuer.requests


@pytest.mark.parametrize(
    "header",
    [{"alg": "RS256", "kid": 7}, {"alg": "RS256", "kid": None}, {"alg": "RS256", "crit": ["x"], "kid": "rsa-1"}],
)
async def test_a_header_that_makes_no_sense(issuer: Issuer, verifier: OpenIDVerifier, header: dict[str, Any]) -> None:
    await refusal(verifier, mint(header, issuer.claims(), issuer.keys[0].private))


async def test_an_oversized_token_is_not_even_read(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    assert "longer than" in await refusal(verifier, issuer.id_token(note="x" * 20_000))
    assert not issuer.requests


async def test_an_unknown_provider(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    with pytest.raises(UnknownProvider, match="there is: local"):
        await verifier.verify("google", issuer.id_token(), None)


async def test_without_any_provider() -> None:
    verifier = OpenIDVerifier({})
    with pytest.raises(UnknownProvider, match="there is: none"):
        await verifier.verify("google", "", None)
    await verifier.aclose()


@pytest.mark.parametrize(
    ("verified", "email"), [(False, None), (None, None), ("false", None), ("true", "mina@example.org")]
)
async def test_only_a_verified_email_is_believed(
    issuer: Issuer, verifier: OpenIDVerifier, verified: object, email: str | None
) -> None:
    assert (await verifier.verify("local", issuer.id_token(email_verified=verified), None)).email == email


@pytest.mark.parametrize("claim", ["a\x00b", "a\ud800", "a\nb", "x" * 300, " ", 7, ["a"], {}])
async def test_what_is_optional_and_cannot_be_kept_is_left_out(
    issuer: Issuer, verifier: OpenIDVerifier, claim: object
) -> None:
    id_token = issuer.id_token(email=claim, name=claim, picture=claim, locale=claim)
    identity = await verifier.verify("local", id_token, None)
    assert (identity.email, identity.name, identity.picture, identity.locale) == (None, None, None, None)


async def test_a_name_is_kept_in_any_script(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    id_token = issuer.id_token(name=" \u1112\u1161\u11ab 👩\u200d🍳 ")
    assert (await verifier.verify("local", id_token, None)).name == "한 👩\u200d🍳"


@pytest.mark.parametrize("picture", ["javascript:alert(1)", "https://example.org/" + "x" * 2048])
async def test_a_picture_is_a_short_https_url(issuer: Issuer, verifier: OpenIDVerifier, picture: str) -> None:
    assert (await verifier.verify("local", issuer.id_token(picture=picture), None)).picture is None


@pytest.mark.parametrize(
    "unsafe",
    [
        {"issuer": "http://example.org"},
        {"issuer": "example.org"},
        {"issuer": "https://example.org:x"},
        {"jwks_uri": "http://127.0.0.1.example.org/jwks"},
        {"algorithms": ["RS256", "HS256"]},
        {"algorithms": ["none"]},
    ],
)
def test_a_provider_that_cannot_be_used_safely_is_refused_at_the_start(unsafe: dict[str, Any]) -> None:
    provider = OpenIDProvider.model_validate({"issuer": "https://example.org", "audiences": [CLIENT_ID], **unsafe})
    with pytest.raises(ValueError, match=r"https only|cannot be accepted|Invalid port"):
        OpenIDVerifier({"local": provider})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIM = st.sampled_from(["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "email", "name"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(claims=st.dictionaries(CLAIM, JSON, max_size=4), nonce=st.none() | st.text(max_size=5))
async def test_whatever_the_claims_the_answer_is_yes_or_no(
    issuer: Issuer, verifier: OpenIDVerifier, claims: dict[str, Any], nonce: str | None
) -> None:
    with contextlib.suppress(InvalidIDToken):
        await verifier.verify("local", issuer.id_token(key=issuer.keys[1], **claims), nonce)


async def test_neither_errors_nor_logs_hold_the_token(
    issuer: Issuer, verifier: OpenIDVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary: dict[str, Any] = {"sub": "canary", "email": "canary@example.org", "nonce": "canary", "iss": "canary"}
    id_tokens = [issuer.id_token(**canary), issuer.id_token(exp=1, **canary), issuer.id_token(nonce="canary")]
    id_tokens.append(issuer.id_token(key=make_key("made-up"), **canary))
    details = [await refusal(verifier, id_token) for id_token in id_tokens]
    issuer.answer = Answer.DOWN
    written = caplog.text + str([vars(record) for record in caplog.records]) + str(details)
    assert "canary" not in written
    assert not any(part in written for id_token in id_tokens for part in id_token.split("."))
