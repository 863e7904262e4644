"""The request and response bodies of accounts."""

from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import (
    MISSING,
    AfterValidator,
    AliasPath,
    AwareDatetime,
    ConfigDict,
    Discriminator,
    EmailStr,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from daybook.accounts.caller import GRANTABLE_SCOPES, Scope
from daybook.web.schema import STORABLE, Line, Moment, Schema, Text, WebAddress

_TIMEZONES = available_timezones()
"""Read once: it walks through hundreds of files."""


def _known_timezone(name: str) -> str:
    if name not in _TIMEZONES:
        raise ValueError("must be an IANA time zone, such as Asia/Seoul")
    return name


Timezone = Annotated[
    Text,
    AfterValidator(_known_timezone),
    Field(description="IANA time zone, which decides what day it is for you.", examples=["Asia/Seoul"]),
]
Password = Annotated[
    str, StringConstraints(min_length=8, max_length=200), STORABLE, Field(examples=["correct horse battery"])
]
Email = Annotated[EmailStr, Field(max_length=254, examples=["mina@example.com"])]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), STORABLE]
Username = Annotated[Line, Field(examples=["Mina"])]
Gender = Annotated[Word, Field(examples=["female"])]
AgeRange = Annotated[Word, Field(examples=["30-39"])]
Locale = Annotated[Word, Field(examples=["ko-KR"])]
ProfileImage = Annotated[
    WebAddress, Field(description="An http or https URL.", examples=["https://example.com/mina.jpg"])
]


Invitation = Annotated[
    Annotated[str, StringConstraints(max_length=200), STORABLE] | None,
    Field(description="Needed for a new account where accounts are by invitation only."),
]


class UserCreate(Schema):
    """An account to create."""

    email: Email
    password: Password
    username: Username
    timezone: Timezone
    user_key: Annotated[
        Line | None, Field(description="Your identity on a device or in a mini-app; generated if left out.")
    ] = None
    gender: Gender | None = None
    age_range: AgeRange | None = None
    locale: Locale | None = None
    invitation: Invitation = None


class UserUpdate(Schema):
    """The fields to change. Fields that are left out keep their values.

    A new email or password needs `currentPassword`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "Mina", "timezone": "Europe/Lisbon"}]})

    username: Username | MISSING = MISSING
    timezone: Timezone | MISSING = MISSING
    profile_image: ProfileImage | MISSING | None = MISSING
    locale: Locale | MISSING | None = MISSING
    gender: Gender | MISSING | None = MISSING
    age_range: AgeRange | MISSING | None = MISSING
    email: Email | MISSING = MISSING
    password: Password | MISSING = MISSING
    current_password: Annotated[
        Annotated[str, StringConstraints(max_length=200), STORABLE] | None,
        Field(description="Needed for a new email or password."),
    ] = None

    @model_validator(mode="after")
    def _confirmed(self) -> "UserUpdate":
        if self.model_fields_set & {"email", "password"} and self.current_password is None:
            raise ValueError("currentPassword is needed to change email or password")
        return self

    def columns(self) -> dict[str, Any]:
        """Return the columns to set, except for the password."""
        return self.model_dump(exclude={"password", "current_password"})


class UserRead(Schema):
    """An account."""

    id: int
    user_key: Annotated[str, Field(description="Your identity on a device or in a mini-app.")]
    email: Annotated[str | None, Field(examples=["mina@example.com"])]
    username: Annotated[str, Field(examples=["Mina"])]
    profile_image: Annotated[str | None, Field(examples=["https://example.com/mina.jpg"])]
    locale: Annotated[str | None, Field(examples=["ko-KR"])]
    timezone: Annotated[str, Field(examples=["Asia/Seoul"])]
    gender: Annotated[str | None, Field(examples=["female"])]
    age_range: Annotated[str | None, Field(examples=["30-39"])]
    is_premium: bool
    created_at: Moment
    updated_at: Moment


class PasswordSignIn(Schema):
    """Sign-in with email and password."""

    email: Annotated[str, StringConstraints(max_length=254), STORABLE, Field(examples=["mina@example.com"])]
    password: Annotated[str, StringConstraints(max_length=200), STORABLE, Field(examples=["correct horse battery"])]


class OpenIDSignIn(Schema):
    """Sign-in with an ID token of an OpenID Connect provider. The first one creates an account."""

    provider: Annotated[Line, Field(examples=["google"])]
    id_token: Annotated[str, StringConstraints(max_length=16_384), STORABLE]
    nonce: Annotated[
        Annotated[str, StringConstraints(max_length=500), STORABLE] | None,
        Field(description="The nonce of the sign-in request at the provider, if it had one."),
    ] = None
    timezone: Annotated[Timezone, Field(description="Time zone of the account, if it is created now.")] = "UTC"
    invitation: Invitation = None


class OAuth2Form(Schema):
    """Sign-in as RFC 6749, section 4.3, has it."""

    model_config = ConfigDict(alias_generator=None, extra="ignore")

    grant_type: Literal["password"] | None = None
    username: Annotated[
        str,
        StringConstraints(max_length=254),
        STORABLE,
        Field(description="The email address.", examples=["mina@example.com"]),
    ]
    password: Annotated[
        str,
        StringConstraints(max_length=200),
        STORABLE,
        Field(json_schema_extra={"format": "password"}, examples=["correct horse battery"]),
    ]
    scope: Annotated[str, Field(description="Ignored: the tokens of a session may do everything.")] = ""


def _kind_of_sign_in(body: Any) -> str:
    return "openid" if isinstance(body, dict) and ("idToken" in body or "provider" in body) else "password"


SignIn = Annotated[
    Annotated[PasswordSignIn, Tag("password")] | Annotated[OpenIDSignIn, Tag("openid")],
    Discriminator(_kind_of_sign_in),
]


class SignedIn(Schema):
    """The account that has signed in, and its tokens."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: Annotated[int, Field(description="Seconds until the access token expires.", examples=[900])]
    user: UserRead


class OAuth2Token(Schema):
    """The tokens, named as RFC 6749, section 5.1, names them."""

    model_config = ConfigDict(alias_generator=None)

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: Annotated[int, Field(description="Seconds until the access token expires.", examples=[900])]


class RefreshRequest(Schema):
    """The refresh token to exchange, or whose session to end."""

    model_config = ConfigDict(extra="ignore")  # older clients send more

    refresh_token: Annotated[
        str,
        StringConstraints(max_length=200),
        STORABLE,
        Field(examples=["dbr_5pQxkR0cJm2yVtY8nEwLhZ1uFbTgD4sA9iKoC7vXeNQ"]),
    ]


class TokenPair(Schema):
    """A new access token, and the refresh token that replaces the one that was sent."""

    access_token: str
    refresh_token: str


class Refreshed(Schema):
    """New tokens."""

    tokens: TokenPair


class SessionRead(Schema):
    """A device or browser that is signed in."""

    id: Annotated[UUID, Field(validation_alias=AliasPath("family"))]
    user_agent: Annotated[str | None, Field(description="As the client has named itself.", examples=["Firefox/146.0"])]
    started_at: Moment
    last_used_at: Annotated[Moment, Field(validation_alias=AliasPath("issued_at"))]
    expires_at: Moment
    current: Annotated[bool, Field(description="Whether this request comes from it.")]


CurrentPassword = Annotated[str, StringConstraints(max_length=200), STORABLE]
Confirmed = Annotated[
    CurrentPassword | None, Field(description="Your password; not needed within five minutes of signing in.")
]


class Confirmation(Schema):
    """What shows that it is you who asks, if you have not signed in within the last five minutes."""

    current_password: Confirmed = None


class APITokenCreate(Confirmation):
    """An API token to create."""

    name: Annotated[Line, Field(examples=["nightly export"])]
    scopes: Annotated[list[Scope], Field(min_length=1, examples=[["diary:read"]])]
    expires_at: Annotated[AwareDatetime | None, Field(description="When the token expires; never, if left out.")] = None

    @model_validator(mode="after")
    def _grantable(self) -> "APITokenCreate":
        refused = sorted(set(self.scopes) - GRANTABLE_SCOPES)
        if refused:
            raise ValueError(f"an API token cannot have the scope {', '.join(refused)}")
        return self


StoredScope = Annotated[str, Field(json_schema_extra={"enum": [str(scope) for scope in Scope]})]
"""A scope as the database holds it, in an array of any text."""


class APITokenRead(Schema):
    """An API token; the token itself cannot be read again."""

    id: int
    name: Annotated[str, Field(examples=["nightly export"])]
    prefix: Annotated[
        str, Field(description="The first characters of the token, to recognize it by.", examples=["dbk_Zq3fT9aB"])
    ]
    scopes: list[StoredScope]
    created_at: Moment
    last_used_at: Moment | None
    expires_at: Moment | None


class APITokenCreated(APITokenRead):
    """A new API token. The token itself is shown only this once."""

    token: Annotated[str, Field(description="Send it as `Authorization: Bearer <token>`.")]
