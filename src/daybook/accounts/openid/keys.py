"""A provider's signing keys: fetched from where it publishes them, and kept while they are valid."""

import asyncio
import ipaddress
import logging
import math
import re
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx2
import jwt
from pydantic import BaseModel

from daybook.accounts.errors import ProviderUnavailable
from daybook.settings import OpenIDProvider

LARGEST_DOCUMENT = 262_144
"""Bytes of a discovery document or key set; the largest providers' are a tenth of it."""
FETCH_DEADLINE = 3.0
"""Seconds for fetching a provider's keys, discovery included."""
LIFETIME = 3600
"""Seconds that keys are valid for when the issuer does not say."""
SHORTEST_LIFETIME, LONGEST_LIFETIME = 300, 86_400
"""Seconds between which the issuer's `max-age` is believed."""
REFETCH_INTERVAL = 60
"""Seconds between two fetches for a key id that is not known: anyone can make up key ids."""
RETRY_INTERVAL = 5
"""Seconds after a failed fetch before the next, when there are no keys to go on with."""
STALE_LIMIT = 86_400
"""Seconds that keys are used past their lifetime while the issuer cannot be reached."""

logger = logging.getLogger(__name__)


class SigningKeys:
    """The public keys of one provider: fetched when needed, one fetch at a time, and kept while they are valid."""

    def __init__(
        self, name: str, provider: OpenIDProvider, client: httpx2.AsyncClient, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._provider = provider
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: list[jwt.PyJWK] = []
        self._fresh_until = -math.inf
        self._refetch_at = -math.inf
        self._retry_at: float | None = None
        """When to fetch again; None unless the last fetch failed."""

    async def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the published key, or None when the provider has no such key.

        A token without a key id is taken to mean the only key for its algorithm (OpenID Connect Core 10.1).
        Raises ProviderUnavailable when the key is not known and the last fetch failed.
        """
        if self._fetch_is_due(key_id, algorithm):
            async with self._lock:
                if self._fetch_is_due(key_id, algorithm):  # unless it was just fetched while this one waited
                    await self._fetch()
        key = self._match(key_id, algorithm)
        if key is None and self._retry_at is not None:
            seconds = max(1, math.ceil(self._retry_at - self._clock()))
            raise ProviderUnavailable(
                f"The sign-in provider's keys could not be fetched; try again in {seconds} seconds.",
                retry_after=seconds,
            )
        return key

    def _match(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        matching = [key for key in self._keys if key.algorithm_name == algorithm and key_id in (None, key.key_id)]
        return matching[0] if len(matching) == 1 else None

    def _fetch_is_due(self, key_id: str | None, algorithm: str) -> bool:
        now = self._clock()
        if self._retry_at is not None and now < self._retry_at:
            return False
        if now >= self._fresh_until:
            return True
        return now >= self._refetch_at and self._match(key_id, algorithm) is None

    async def _fetch(self) -> None:
        if self._clock() < self._fresh_until:  # so it is for an unknown key id
            self._refetch_at = self._clock() + REFETCH_INTERVAL
        try:
            async with asyncio.timeout(FETCH_DEADLINE):
                self._keys, lifetime = await _fetch_keys(self._client, self._provider)
        except (httpx2.HTTPError, OSError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            logger.warning("provider keys not fetched", extra={"provider": self._name, "reason": reason})
            if self._clock() >= self._fresh_until + STALE_LIMIT:
                self._keys = []
            self._retry_at = self._clock() + (REFETCH_INTERVAL if self._keys else RETRY_INTERVAL)
        else:
            self._fresh_until = self._clock() + lifetime
            self._retry_at = None


class _Discovery(BaseModel):
    issuer: str
    jwks_uri: str


class _KeySet(BaseModel):
    keys: list[dict[str, Any]]


def http_client() -> httpx2.AsyncClient:
    """Return a client for fetching keys. The caller closes it."""
    # The environment's proxy and certificates are used (trust_env), since the addresses are the operator's own
    # and not a user's; but plain http is only ever loopback, which no proxy can reach. Redirects are not followed.
    return httpx2.AsyncClient(
        timeout=FETCH_DEADLINE,
        mounts={"http://": None},
        headers={"Accept": "application/json"},
        verify=_tls_context(),
    )


@cache
def _tls_context() -> ssl.SSLContext:
    # Loading the certificates takes 50 to 90 ms and 3 MB: once for the process.
    return httpx2.create_ssl_context()


def check_address(address: str) -> None:
    """Raise ValueError unless keys may be fetched from this address."""
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{address}: {error}") from error
    if not (url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))):
        raise ValueError(f"{address}: keys are fetched over https only, or over http from this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _fetch_keys(client: httpx2.AsyncClient, provider: OpenIDProvider) -> tuple[list[jwt.PyJWK], float]:
    """Return the keys that the issuer signs with and for how many seconds they are valid.

    Raises ValueError, OSError or an error of httpx2 when there are none to be had.
    """
    address = provider.jwks_uri or await _discover(client, provider.issuer)
    document, cache_control = await _get(client, address)
    published = _KeySet.model_validate_json(document).keys
    keys = [key for entry in published for algorithm in provider.algorithms if (key := _public_key(entry, algorithm))]
    if not keys:
        raise ValueError(f"{address} holds no key for {', '.join(provider.algorithms)}")
    return keys, _lifetime(cache_control)


async def _discover(client: httpx2.AsyncClient, issuer: str) -> str:
    """Return where the issuer says that its keys are."""
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    document, _ = await _get(client, address)
    discovered = _Discovery.model_validate_json(document)
    if discovered.issuer != issuer:  # OpenID Connect Discovery 1.0, section 4.3
        raise ValueError(f"{address} is about the issuer {discovered.issuer}, not {issuer}")
    return discovered.jwks_uri


async def _get(client: httpx2.AsyncClient, address: str) -> tuple[bytes, str]:
    """Return the body at `address` and its Cache-Control."""
    check_address(address)
    async with client.stream("GET", address) as response:
        if response.status_code != 200:
            raise ValueError(f"{address} answered {response.status_code}")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_DOCUMENT:
                raise ValueError(f"{address} answered more than {LARGEST_DOCUMENT} bytes")
        return bytes(body), response.headers.get("Cache-Control", "")


def _public_key(entry: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """Return the key of a JWK for `algorithm`, or None when it is of another kind, not for signing, or weak."""
    if entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    try:
        key = jwt.PyJWK(entry, algorithm)
        usable = key.Algorithm.prepare_key(key.key)
    except jwt.PyJWTError:
        return None
    return None if key.Algorithm.check_key_length(usable) else key


def _lifetime(cache_control: str) -> float:
    age = re.search(r"\bmax-age=(\d{1,9})\b", cache_control)
    return min(max(int(age[1]), SHORTEST_LIFETIME), LONGEST_LIFETIME) if age else LIFETIME
