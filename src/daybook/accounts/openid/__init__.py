"""OpenID Connect sign-in: did a configured provider make this ID token, for Daybook, and is it still valid?

The checks are those of OpenID Connect Core 1.0, section 3.1.3.7. What the token says about its own verification
is never believed: which algorithms and issuers are accepted comes from the settings, and the keys come from where
the issuer publishes them, whatever `alg`, `jku` or `x5u` the token holds.

No token and no claim appears in an error or a log line.
"""

from daybook.accounts.openid.verifier import OpenIDVerifier, VerifiedIdentity

__all__ = ["OpenIDVerifier", "VerifiedIdentity"]
