"""Every setting of Daybook, read once from the environment (and `.env`), documented in README's table.

All are prefixed DAYBOOK_, but for the conventional DATABASE_URL and GEMINI_API_KEY.
"""

import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "DAYBOOK_"
PLACEHOLDERS = ("change-me", "changeme", "secret", "example", "placeholder", "insecure")


class Environment(StrEnum):
    """Where Daybook runs: production refuses what development lets pass."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Registration(StrEnum):
    """Who may create an account: everybody, those with an invitation of `daybook invite`, or nobody."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


class OpenIDProvider(BaseModel):
    """An OpenID Connect issuer whose ID tokens sign people in."""

    issuer: str
    """The `iss` of its tokens; discovery starts from it."""
    audiences: Annotated[list[str], Field(min_length=1)]
    """The client ids that its tokens may be made for (`aud`)."""
    jwks_uri: str | None = None
    """Where its keys are, when discovery is not wanted."""
    algorithms: Annotated[list[str], Field(min_length=1)] = ["RS256", "ES256"]


class Settings(BaseSettings):
    """The settings, checked. Construct it to read the environment; ValidationError says what is wrong."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    debug: bool = False
    """Echo of every statement and its tracing."""
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=256)
    https_only: bool = False
    """Tell browsers to come by HTTPS alone (HSTS), for a year; right when TLS ends in front of Daybook for good."""
    max_connections: int = Field(1000, ge=1)
    """Connections of one process; a further one is answered 503."""
    forwarded_allow_ips: str = "127.0.0.1"
    """The proxies whose X-Forwarded-For is believed (comma-separated, `*` for any)."""
    log_json: bool | None = None
    """JSON log lines; by default in production only."""
    log_level: str = "INFO"
    cors_origins: Annotated[list[str], NoDecode] = []
    """The web origins that may call from a browser (comma-separated)."""

    database_url: str = Field("", validation_alias="DATABASE_URL")
    """Empty: the embedded PostgreSQL under `data_dir`."""
    data_dir: Path = Path(".daybook")
    """Holds the embedded database and the photos."""
    migrate: bool | None = None
    """Migrate the database at start; by default in development only."""
    pool_size: int = Field(10, ge=1, le=1000)
    pool_overflow: int = Field(0, ge=0, le=1000)
    pool_timeout: float = Field(1.5, gt=0, le=60)
    """Seconds to wait for a connection before answering 503."""
    pool_recycle: int = Field(1800, ge=-1)
    """Seconds after which an idle connection is replaced; -1 for never."""
    statement_timeout: float = Field(10, gt=0, le=3600)
    """Seconds that one statement may take."""
    pgbouncer: bool = False
    """The database is reached through pgbouncer in transaction mode."""

    secret_key: SecretStr = SecretStr("")
    """Signs access tokens; at least 32 characters. Development makes one and keeps it in `data_dir`."""
    access_token_minutes: int = Field(15, ge=1, le=1440)
    refresh_token_days: int = Field(60, ge=1, le=3650)
    refresh_grace_seconds: int = Field(20, ge=0, le=300)
    """How long a refresh token that was used already gets the same answer again."""
    registration: Registration | None = None
    """Who may create an account; by default everybody in development, and who is invited in production."""
    oidc_providers: dict[str, OpenIDProvider] = {}
    """Name to provider, as JSON."""

    gemini_api_key: SecretStr = Field(SecretStr(""), validation_alias="GEMINI_API_KEY")
    gemini_model: str = "gemini-2.5-flash"
    gemini_base_url: str | None = None
    gemini_timeout: float = Field(30, gt=0, le=600)
    """Seconds for one analysis, retries included."""
    gemini_retries: int = Field(2, ge=0, le=10)
    offline_analyzer: bool = False
    """Let production start without a key: photos are judged by their colors, and say so."""
    analyses_per_day: int = Field(200, ge=0)
    """How often one person may ask the model in a day."""
    analyses_per_day_total: int = Field(2000, ge=0)
    """How often all together may ask the model in a day (UTC): the ceiling of its bill."""

    photo_store: str = ""
    """Where photo bytes go: empty for `data_dir`/photos, or a file, s3, gs or az URL."""
    photo_max_bytes: int = Field(15_000_000, ge=1_000)
    photo_max_pixels: int = Field(50_000_000, ge=1_000)
    import_max_bytes: int = Field(64_000_000, ge=1_000)
    """The largest file of bookmarks."""
    body_max_bytes: int = Field(1_000_000, ge=1_000)
    """The largest request body on routes that take no photo, no file and no bulk."""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip().rstrip("/") for part in value.split(",") if part.strip()]
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        level = value.upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        return level

    @field_validator("database_url")
    @classmethod
    def _asyncpg_url(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = make_url(value)
        except ArgumentError as error:
            raise ValueError("is not a database URL (postgresql://user:password@host/database)") from error
        if url.get_backend_name() not in {"postgresql", "postgres"}:
            raise ValueError("is not a PostgreSQL URL; Daybook needs PostgreSQL 16 or newer")
        return _with_asyncpg(url).render_as_string(hide_password=False)

    @model_validator(mode="after")
    def _fit_for_its_environment(self) -> Self:
        unknown = sorted(
            name
            for name in os.environ
            if name.upper().startswith(PREFIX)
            and name.upper().removeprefix(PREFIX).lower() not in type(self).model_fields
        )
        if self.environment is Environment.DEVELOPMENT:
            return self
        problems = [f"{name} is not a setting that Daybook knows" for name in unknown]
        secret = self.secret_key.get_secret_value()
        if len(secret) < 32 or any(word in secret.lower() for word in PLACEHOLDERS):
            problems.append(
                "DAYBOOK_SECRET_KEY must be a secret of its own, 32 characters or more"
                ' (make one with: python -c "import secrets; print(secrets.token_urlsafe(48))")'
            )
        if self.debug:
            problems.append("DAYBOOK_DEBUG shows every statement, and cannot be on in production")
        if not self.database_url:
            problems.append("DATABASE_URL must name the database; the embedded one is for development")
        if not self.gemini_api_key.get_secret_value() and not self.offline_analyzer:
            problems.append("GEMINI_API_KEY is empty; set it, or DAYBOOK_OFFLINE_ANALYZER=1 to judge photos by color")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the environment variable of every setting, by the setting's name."""
        return {
            name: str(field.validation_alias or f"{PREFIX}{name.upper()}") for name, field in cls.model_fields.items()
        }

    @property
    def production(self) -> bool:
        """Whether this is a production start."""
        return self.environment is Environment.PRODUCTION

    @property
    def who_may_register(self) -> Registration:
        """Who may create an account."""
        return self.registration or (Registration.INVITE if self.production else Registration.OPEN)

    @property
    def migrates_at_start(self) -> bool:
        """Whether the application migrates the database when it starts."""
        return not self.production if self.migrate is None else self.migrate

    def signing_key(self) -> str:
        """The key that signs access tokens: the configured one, or development's own.

        Development's is random and kept in `data_dir`, so that tokens survive a restart and no key is ever
        the same on two machines.
        """
        if configured := self.secret_key.get_secret_value():
            return configured
        kept = self.data_dir / "secret_key"
        if not kept.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            fresh = self.data_dir / f"secret_key.{secrets.token_hex(4)}"
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(48))
            try:
                kept.hardlink_to(fresh)  # the first of several processes wins, whole
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return kept.read_text()


def _with_asyncpg(url: URL) -> URL:
    """The same database through asyncpg, whose parameter for TLS is `ssl` where libpq's is `sslmode`."""
    url = url.set(drivername="postgresql+asyncpg")
    if "sslmode" in url.query:
        mode = url.query["sslmode"]
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url
