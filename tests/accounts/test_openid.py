"""ID tokens of a real local issuer: which are accepted, which are not, and what that costs the issuer."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybook.accounts.errors import InvalidIDToken, ProviderUnavailable, UnknownProvider
from daybook.accounts.openid import OpenIDVerifier, VerifiedIdentity
from daybook.settings import OpenIDProvider
from tests.fixtures.issuer import CLIENT_ID, DISCOVERY, JWKS, Answer, Issuer, SigningKey, make_key, mint

HOUR = 3600


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def verifier(issuer: Issuer, clock: Clock) -> AsyncIterator[OpenIDVerifier]:
    provider = OpenIDProvider(issuer=issuer.url, audiences=[CLIENT_ID, "daybook-web"])
    verifier = OpenIDVerifier({"local": provider}, clock=clock)
    yield verifier
    await verifier.aclose()


async def refusal(verifier: OpenIDVerifier, id_token: str, nonce: str | None = None) -> str:
    """Return why the token is refused."""
    with pytest.raises(InvalidIDToken) as refused:
        await verifier.verify("local", id_token, nonce)
    return refused.value.detail


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


async def test_fifty_first_sign_ins_ask_for_the_keys_once(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    await asyncio.gather(*(verifier.verify("local", issuer.id_token(), None) for _ in range(50)))
    assert issuer.requests == {DISCOVERY: 1, JWKS: 1}


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        (None, HOUR),
        ("no-store", HOUR),
        ("public, max-age=1200", 1200),
        ("max-age=0", 300),
        ("max-age=999999999", 24 * HOUR),
    ],
)
async def test_keys_are_kept_for_their_lifetime(
    issuer: Issuer, verifier: OpenIDVerifier, clock: Clock, cache_control: str | None, seconds: int
) -> None:
    issuer.cache_control = cache_control
    for clock.now, fetched in ((0, 1), (seconds - 1, 1), (seconds, 2)):
        await verifier.verify("local", issuer.id_token(), None)
        assert issuer.requests[JWKS] == fetched


async def test_a_rotated_key_is_found_at_once(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    await verifier.verify("local", issuer.id_token(), None)
    await verifier.verify("local", issuer.id_token(key=issuer.rotate()), None)
    assert issuer.requests[JWKS] == 2


async def test_a_removed_key_is_good_until_the_keys_are_fetched_again(
    issuer: Issuer, verifier: OpenIDVerifier, clock: Clock
) -> None:
    removed = issuer.keys[1]
    await verifier.verify("local", issuer.id_token(key=removed), None)
    issuer.rotate()
    await verifier.verify("local", issuer.id_token(key=removed), None)
    clock.now = HOUR
    assert "key that the provider publishes" in await refusal(verifier, issuer.id_token(key=removed))


async def test_a_flood_of_made_up_key_ids_asks_the_issuer_once_a_minute(
    issuer: Issuer, verifier: OpenIDVerifier, clock: Clock
) -> None:
    await verifier.verify("local", issuer.id_token(), None)
    theirs = make_key("made-up")

    async def flood() -> None:
        tokens = [issuer.id_token(key=replace(theirs, kid=f"made-up-{n}")) for n in range(100)]
        await asyncio.gather(*(refusal(verifier, token) for token in tokens))

    for clock.now, fetched in ((0, 2), (59, 2), (60, 3)):
        await flood()
        assert issuer.requests[JWKS] == fetched


BROKEN = [Answer.DOWN, Answer.ERROR, Answer.REDIRECT, Answer.GARBAGE, Answer.HUGE]


@pytest.mark.parametrize("answer", BROKEN)
async def test_a_broken_issuer_is_left_alone_for_some_seconds(
    issuer: Issuer, verifier: OpenIDVerifier, clock: Clock, answer: Answer
) -> None:
    issuer.answer = answer
    id_tokens = [issuer.id_token() for _ in range(20)]
    refusals = await asyncio.gather(
        *(verifier.verify("local", id_token, None) for id_token in id_tokens), return_exceptions=True
    )
    assert {type(refusal) for refusal in refusals} == {ProviderUnavailable}
    assert {getattr(refusal, "retry_after", None) for refusal in refusals} == {5}
    assert issuer.requests.total() <= 1

    issuer.answer = Answer.WELL
    clock.now = 5
    await verifier.verify("local", id_tokens[0], None)
    await refusal(verifier, issuer.id_token(key=make_key("made-up")))


@pytest.mark.parametrize("answer", BROKEN)
async def test_the_keys_of_a_broken_issuer_go_on_being_used_for_a_day(
    issuer: Issuer, verifier: OpenIDVerifier, clock: Clock, answer: Answer
) -> None:
    await verifier.verify("local", issuer.id_token(), None)
    issuer.answer = answer
    clock.now = 24 * HOUR
    await verifier.verify("local", issuer.id_token(), None)
    clock.now = 25 * HOUR
    with pytest.raises(ProviderUnavailable):
        await verifier.verify("local", issuer.id_token(), None)


async def test_an_unknown_key_of_an_issuer_that_is_down_may_be_a_good_one(
    issuer: Issuer, verifier: OpenIDVerifier, clock: Clock
) -> None:
    await verifier.verify("local", issuer.id_token(), None)
    rotated = issuer.rotate()
    issuer.answer = Answer.DOWN
    with pytest.raises(ProviderUnavailable) as unavailable:
        await verifier.verify("local", issuer.id_token(key=rotated), None)
    assert unavailable.value.retry_after == 60
    issuer.answer = Answer.WELL
    clock.now = 60
    await verifier.verify("local", issuer.id_token(key=rotated), None)


async def test_an_issuer_that_drips_is_given_three_seconds_in_all(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    issuer.answer = Answer.DRIPPING
    started = time.monotonic()
    refusals = await asyncio.gather(
        *(verifier.verify("local", issuer.id_token(), None) for _ in range(5)), return_exceptions=True
    )
    assert {type(refusal) for refusal in refusals} == {ProviderUnavailable}
    assert 2.9 < time.monotonic() - started < 4


async def test_whoever_gives_up_waiting_takes_nothing_from_the_others(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    issuer.answer = Answer.DRIPPING
    impatient = asyncio.create_task(verifier.verify("local", issuer.id_token(), None))
    patient = asyncio.create_task(verifier.verify("local", issuer.id_token(), None))
    await asyncio.sleep(0.1)
    issuer.answer = Answer.WELL
    impatient.cancel()
    assert (await patient).provider == "local"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"issuer": "http://127.0.0.1"}, "is about the issuer"),
        ({"issuer": None}, "ValidationError"),
        ({"jwks_uri": "http://example.org/jwks"}, "over https only"),
        ({"jwks_uri": "http://localhost.example.org/jwks"}, "over https only"),
        ({"jwks_uri": "file:///etc/passwd"}, "over https only"),
        ({"jwks_uri": ""}, "over https only"),
        ({"jwks_uri": "http://["}, "over https only"),
        ({"jwks_uri": "http://127.0.0.1:x/jwks"}, "Invalid port"),
        ({"jwks_uri": ["http://127.0.0.1/jwks"]}, "ValidationError"),
    ],
)
async def test_discovery_is_not_believed_everything(
    issuer: Issuer,
    verifier: OpenIDVerifier,
    caplog: pytest.LogCaptureFixture,
    changed: dict[str, object],
    reason: str,
) -> None:
    caplog.set_level(logging.WARNING, "daybook.accounts.openid")  # a server of other tests may have set the root's
    issuer.discovery |= changed
    with pytest.raises(ProviderUnavailable):
        await verifier.verify("local", issuer.id_token(), None)
    (record,) = (record for record in caplog.records if record.name == "daybook.accounts.openid")
    assert reason in vars(record)["reason"]


async def test_an_issuer_that_does_not_speak_tls_where_it_should(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    issuer.discovery["jwks_uri"] = issuer.url.replace("http:", "https:") + JWKS
    with pytest.raises(ProviderUnavailable):
        await verifier.verify("local", issuer.id_token(), None)


async def test_a_configured_address_of_the_keys_needs_no_discovery(issuer: Issuer) -> None:
    provider = OpenIDProvider(issuer=issuer.url, audiences=[CLIENT_ID], jwks_uri=issuer.url + JWKS)
    async with contextlib.aclosing(OpenIDVerifier({"local": provider})) as verifier:
        await verifier.verify("local", issuer.id_token(), None)
    assert issuer.requests == {JWKS: 1}


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


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa-1"},
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "n": "!", "e": "낮"},
        {"kty": "EC", "crv": ["P-256"], "x": "", "y": None},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": ["RSA"], "alg": {}, "use": []},
        {},
    ],
)
async def test_a_key_that_makes_no_sense_is_passed_over(
    issuer: Issuer, verifier: OpenIDVerifier, entry: dict[str, Any]
) -> None:
    issuer.other_keys = [entry]
    await verifier.verify("local", issuer.id_token(), None)


async def test_weak_leaked_and_encryption_keys_are_not_used(issuer: Issuer, verifier: OpenIDVerifier) -> None:
    weak = SigningKey("weak", "RS256", rsa.generate_private_key(public_exponent=65537, key_size=1024))
    leaked, encrypting = make_key("leaked"), make_key("encrypting")
    issuer.keys.append(weak)
    issuer.other_keys = [
        {**jwt.get_algorithm_by_name("ES256").to_jwk(leaked.private, as_dict=True), "kid": "leaked"},
        {**encrypting.jwk(), "use": "enc"},
    ]
    for key in (weak, leaked, encrypting):
        assert "key that the provider publishes" in await refusal(verifier, issuer.id_token(key=key))


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
