"""OpenID Connect sign-in: did a configured provider make this ID token, for Daybook, and is it still good?

The checks are those of OpenID Connect Core 1.0, section 3.1.3.7. What the token says about its own verification
is never believed: which algorithms and issuer are good comes from the settings, and the keys come from where
the issuer publishes them, whatever `alg`, `jku` or `x5u` the token holds.

No token and no claim appears in an error or a log line.
"""

import asyncio
import hmac
import ipaddress
import logging
import math
import re
import ssl
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
import jwt
from pydantic import BaseModel

from daybook.accounts.errors import InvalidIDToken, ProviderUnavailable, UnknownProvider
from daybook.settings import OpenIDProvider

# With a public key, a symmetric algorithm would take the key that everyone can read for the secret.
ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
LEEWAY = 60
"""Seconds by which the issuer's clock may differ from ours."""
LONGEST_TOKEN = 12_288
"""Characters. Entra ID's 200 groups make 10,000; reading a token costs 0.3 ms for each 1,000."""
LARGEST_DOCUMENT = 262_144
"""Bytes of a discovery document or key set; the largest providers' are a tenth of it."""
FETCH_DEADLINE = 3.0
"""Seconds for fetching a provider's keys, discovery included."""
LIFETIME = 3600
"""Seconds that keys are good for when the issuer does not say."""
SHORTEST_LIFETIME, LONGEST_LIFETIME = 300, 86_400
"""Seconds between which the issuer's `max-age` is believed."""
REFETCH_INTERVAL = 60
"""Seconds between two fetches for a key id that is not known: anyone can make up key ids."""
RETRY_INTERVAL = 5
"""Seconds after a failed fetch before the next, when there are no keys to go on with."""
STALE_LIMIT = 86_400
"""Seconds that keys are used past their lifetime while the issuer cannot be reached."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerifiedIdentity:
    """Who an ID token is about. `provider` and `subject` together name a person for good; an email does not."""

    provider: str
    subject: str
    """The `sub`: at most 255 printable ASCII characters."""
    email: str | None
    """Only when the provider has verified it; not checked for being a well-formed address."""
    name: str | None
    picture: str | None
    """An https URL."""
    locale: str | None
    """Usually a BCP 47 tag; not checked for being one."""


class OpenIDVerifier:
    """Checks ID tokens of the configured providers. One for the process; `aclose()` it at the end.

    `clock` counts seconds for the age of the cached keys. Raises ValueError for a provider that cannot be used
    safely: an address without https, or an algorithm that is not a public-key signature.
    """

    def __init__(self, providers: Mapping[str, OpenIDProvider], *, clock: Callable[[], float] = time.monotonic) -> None:
        for provider in providers.values():
            _check_settings(provider)
        self._providers = dict(providers)
        # Nobody should pay for the TLS context who has no provider.
        self._client = _http_client() if providers else None
        self._keys = {
            name: _SigningKeys(name, provider, self._client, clock)
            for name, provider in providers.items()
            if self._client
        }

    async def aclose(self) -> None:
        """Close the connections to the issuers."""
        if self._client:
            await self._client.aclose()

    async def verify(self, provider: str, id_token: str, nonce: str | None) -> VerifiedIdentity:
        """Return whom `id_token` is about, once all of it has been checked.

        `nonce` is what the client put into its sign-in request: one is needed if, and only if, the token holds
        it. A usual token takes under 1 ms, and when keys have to be fetched at most twice `FETCH_DEADLINE`.

        Raises UnknownProvider, InvalidIDToken, or ProviderUnavailable when the provider's keys are not here
        and could not be fetched.
        """
        if provider not in self._providers:
            known = ", ".join(sorted(self._providers)) or "none"
            raise UnknownProvider(f"No sign-in provider of this name is configured; there is: {known}.")
        settings = self._providers[provider]
        key_id, algorithm = _read_header(id_token, settings.algorithms)
        key = await self._keys[provider].find(key_id, algorithm)
        if key is None:
            raise InvalidIDToken("The ID token is not signed with a key that the provider publishes.")
        claims = _verified_claims(id_token, key, settings)
        _check_audiences(claims, settings.audiences)
        _check_nonce(claims.get("nonce"), nonce)
        return _identity(provider, claims)


class _SigningKeys:
    """The public keys of one provider: fetched when needed, one fetch at a time, and kept while they are good."""

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


def _http_client() -> httpx2.AsyncClient:
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


def _check_settings(provider: OpenIDProvider) -> None:
    _check_address(provider.issuer)
    if provider.jwks_uri:
        _check_address(provider.jwks_uri)
    if unsafe := set(provider.algorithms) - ASYMMETRIC:
        raise ValueError(
            f"{provider.issuer}: ID tokens cannot be accepted with the algorithms {', '.join(sorted(unsafe))}"
        )


def _check_address(address: str) -> None:
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
    """Return the keys that the issuer signs with and for how many seconds they are good.

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
    _check_address(address)
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


def _read_header(id_token: str, algorithms: Sequence[str]) -> tuple[str | None, str]:
    """Return the key id, if any, and the algorithm, which is one of `algorithms`."""
    if len(id_token) > LONGEST_TOKEN:
        raise InvalidIDToken(f"The ID token is longer than {LONGEST_TOKEN} characters.")
    if not id_token.isascii():
        raise InvalidIDToken("The ID token could not be read: it holds characters that no token holds.")
    try:
        header = jwt.get_unverified_header(id_token)
    except jwt.PyJWTError:
        raise InvalidIDToken("The ID token could not be read: it is not a signed JSON Web Token.") from None
    algorithm = header.get("alg")
    if algorithm not in algorithms:
        raise InvalidIDToken(f"The ID token has to be signed with {' or '.join(algorithms)}.")
    return header.get("kid"), str(algorithm)


def _verified_claims(id_token: str, key: jwt.PyJWK, provider: OpenIDProvider) -> dict[str, Any]:
    """Return the claims, when the signature, the issuer, the audience and the times are right."""
    try:
        return jwt.decode(
            id_token,
            key,
            algorithms=provider.algorithms,
            issuer=provider.issuer,
            audience=provider.audiences,
            leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.ExpiredSignatureError:
        # PyJWT looks at the times after the signature, so this `exp` is the issuer's.
        expired = jwt.decode(id_token, options={"verify_signature": False})["exp"]
        ago = _in_words(int(time.time()) - int(expired))
        raise InvalidIDToken(f"The ID token expired {ago} ago; sign in with the provider again.") from None
    except jwt.PyJWTError as error:
        raise InvalidIDToken(_what_is_wrong(error)) from None


def _what_is_wrong(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.InvalidSignatureError():
            return "The ID token's signature is wrong: it was changed, or signed by somebody else."
        case jwt.ImmatureSignatureError():
            return "The ID token is not valid yet: its `iat` or `nbf` lies in the future."
        case jwt.MissingRequiredClaimError():
            return f"The ID token lacks the claim `{error.claim}`."
        case jwt.InvalidIssuerError():
            return "The ID token was made by another issuer (`iss`) than this provider's."
        case jwt.InvalidAudienceError():
            return "The ID token was made for another client: its `aud` is not one of Daybook's client ids."
        case _:
            return "The ID token holds a claim that could not be read."


def _in_words(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s"
    return f"{seconds} seconds"


def _check_audiences(claims: dict[str, Any], audiences: Sequence[str]) -> None:
    """Refuse a token that others may use too (Core 3.1.3.7, items 3 to 5).

    With one audience `azp` is not looked at: Google's Android tokens name the app there and the server in `aud`.
    """
    if isinstance(claims["aud"], str) or len(claims["aud"]) == 1:
        return
    if not set(claims["aud"]) <= set(audiences):
        raise InvalidIDToken("The ID token was made for other clients too: `aud` holds an unknown client id.")
    if claims.get("azp") not in audiences:
        raise InvalidIDToken("The ID token has several audiences, and no `azp` that is one of Daybook's.")


def _check_nonce(held: object, sent: str | None) -> None:
    if held is None and sent is None:
        return
    if held is None:
        raise InvalidIDToken("A nonce was sent, but the ID token holds none.")
    if sent is None:
        raise InvalidIDToken("The ID token holds a nonce; send the nonce of the sign-in request with it.")
    # JSON can spell lone surrogates, which are compared like all else.
    if not isinstance(held, str) or not hmac.compare_digest(
        held.encode(errors="surrogatepass"), sent.encode(errors="surrogatepass")
    ):
        raise InvalidIDToken("The nonce is not the one that the ID token was made for.")


def _identity(provider: str, claims: dict[str, Any]) -> VerifiedIdentity:
    subject: str = claims["sub"]
    if not (0 < len(subject) <= 255 and subject.isascii() and subject.isprintable()):  # Core, section 2
        raise InvalidIDToken("The ID token's `sub` is not 1 to 255 printable ASCII characters.")
    verified = claims.get("email_verified")
    picture = _text(claims.get("picture"), 2048)
    return VerifiedIdentity(
        provider=provider,
        subject=subject,
        # Apple sends this boolean as a string.
        email=_text(claims.get("email"), 254) if verified is True or verified == "true" else None,
        name=_text(claims.get("name"), 200),
        picture=picture if picture and picture.startswith("https://") else None,
        locale=_text(claims.get("locale"), 35),
    )


def _text(claim: object, longest: int) -> str | None:
    """Return the claim as one line of text that can be stored, or None: what is optional is no reason to refuse."""
    if not isinstance(claim, str) or len(claim) > longest:
        return None
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in claim):  # NUL, surrogates
        return None
    return unicodedata.normalize("NFC", claim).strip()[:longest] or None
