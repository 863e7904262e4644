"""Checks ID tokens: signature, issuer, audiences, times and nonce."""

import hmac
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from daybook.accounts.errors import InvalidIDToken, UnknownProvider
from daybook.accounts.openid.keys import SigningKeys, check_address, http_client
from daybook.addresses import LONGEST_URL, parse_url
from daybook.errors import InvalidInput
from daybook.settings import OpenIDProvider

# With a public key, a symmetric algorithm would take the key that everyone can read for the secret.
ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
LEEWAY = 60
"""Seconds by which the issuer's clock may differ from ours."""
LONGEST_TOKEN = 12_288
"""Characters. Entra ID's 200 groups make 10,000; reading a token costs 0.3 ms for each 1,000."""


@dataclass(frozen=True)
class VerifiedIdentity:
    """Who an ID token is about. `provider` and `subject` together identify a person permanently; an email does not."""

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
        self._client = http_client() if providers else None
        self._keys = {
            name: SigningKeys(name, provider, self._client, clock)
            for name, provider in providers.items()
            if self._client
        }

    async def aclose(self) -> None:
        """Close the connections to the issuers."""
        if self._client:
            await self._client.aclose()

    async def verify(self, provider: str, id_token: str, nonce: str | None) -> VerifiedIdentity:
        """Return whom `id_token` is about, once all of it has been checked.

        `nonce` is what the client put into its sign-in request: it is needed if, and only if, the token holds
        it. A usual token takes under 1 ms, and when keys have to be fetched at most twice `keys.FETCH_DEADLINE`.

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


def _check_settings(provider: OpenIDProvider) -> None:
    check_address(provider.issuer)
    if provider.jwks_uri:
        check_address(provider.jwks_uri)
    if unsafe := set(provider.algorithms) - ASYMMETRIC:
        raise ValueError(
            f"{provider.issuer}: ID tokens cannot be accepted with the algorithms {', '.join(sorted(unsafe))}"
        )


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


def _check_nonce(claim: object, nonce: str | None) -> None:
    if claim is None and nonce is None:
        return
    if claim is None:
        raise InvalidIDToken("A nonce was sent, but the ID token holds none.")
    if nonce is None:
        raise InvalidIDToken("The ID token holds a nonce; send the nonce of the sign-in request with it.")
    # JSON can spell lone surrogates, which are compared like all else.
    if not isinstance(claim, str) or not hmac.compare_digest(
        claim.encode(errors="surrogatepass"), nonce.encode(errors="surrogatepass")
    ):
        raise InvalidIDToken("The nonce is not the one that the ID token was made for.")


def _identity(provider: str, claims: dict[str, Any]) -> VerifiedIdentity:
    subject: str = claims["sub"]
    if not (0 < len(subject) <= 255 and subject.isascii() and subject.isprintable()):  # Core, section 2
        raise InvalidIDToken("The ID token's `sub` is not 1 to 255 printable ASCII characters.")
    verified = claims.get("email_verified")
    return VerifiedIdentity(
        provider=provider,
        subject=subject,
        # Apple sends this boolean as a string.
        email=_text(claims.get("email"), 254) if verified is True or verified == "true" else None,
        name=_text(claims.get("name"), 200),
        picture=_https(claims.get("picture")),
        locale=_text(claims.get("locale"), 35),
    )


def _https(claim: object) -> str | None:
    """Return the claim as an https address, or None."""
    try:
        address = parse_url(_text(claim, LONGEST_URL) or "")
    except InvalidInput:
        return None
    return str(address) if address.scheme == "https" else None


def _text(claim: object, longest: int) -> str | None:
    """Return the claim as one line of text that can be stored, or None: what is optional is no reason to refuse."""
    if not isinstance(claim, str) or len(claim) > longest:
        return None
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in claim):  # NUL, surrogates
        return None
    return unicodedata.normalize("NFC", claim).strip()[:longest] or None
