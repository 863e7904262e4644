"""A provider's keys: when they are fetched, which are used, and what that costs the issuer."""

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daybook.accounts.errors import ProviderUnavailable
from daybook.accounts.openid import OpenIDVerifier
from daybook.settings import OpenIDProvider
from tests.accounts.openid.conftest import Clock, refusal
from tests.fixtures.issuer import CLIENT_ID, DISCOVERY, JWKS, Answer, Issuer, SigningKey, make_key

HOUR = 3600


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
    caplog.set_level(logging.WARNING, "daybook.accounts.openid.keys")  # a server of other tests may have set the root's
    issuer.discovery |= changed
    with pytest.raises(ProviderUnavailable):
        await verifier.verify("local", issuer.id_token(), None)
    (record,) = (record for record in caplog.records if record.name == "daybook.accounts.openid.keys")
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
