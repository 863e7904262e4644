"""Columns whose values no echo and no trace shows: hashes of passwords and tokens."""

from sqlalchemy import Dialect, LargeBinary, Text, TypeDecorator


class _HiddenText(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "'(secret)'"


class _HiddenBytes(bytes):
    __slots__ = ()

    def __repr__(self) -> str:
        return "b'(secret)'"


class SecretText(TypeDecorator[str]):
    """Text, shown as `(secret)` wherever the parameters of a statement are."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy gives it
        """Return the value as the driver gets it: the same text, with another `repr`."""
        return None if value is None else _HiddenText(value)


class SecretBytes(TypeDecorator[bytes]):
    """Bytes, shown as `(secret)` wherever the parameters of a statement are."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - as above
        """Return the value as the driver gets it: the same bytes, with another `repr`."""
        return None if value is None else _HiddenBytes(value)
