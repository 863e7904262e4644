"""A verifier of the ID tokens of a real local issuer, and the time that it goes by."""

from collections.abc import AsyncIterator

import pytest

from daybook.accounts.errors import InvalidIDToken
from daybook.accounts.openid import OpenIDVerifier
from daybook.settings import OpenIDProvider
from tests.fixtures.issuer import CLIENT_ID, Issuer


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
