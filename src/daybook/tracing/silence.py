"""Saying that a repetition is meant: with its reason, and never for longer than it keeps something quiet."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from daybook.tracing.callsite import DEFAULT, Site


@dataclass(slots=True, eq=False)
class Silence:
    """Why the findings about some statements are not to be told; `used` counts those it kept quiet."""

    reason: str
    site: Site | None
    used: int = 0


_silences: dict[tuple[str, Site | None], Silence] = {}
current_silence: ContextVar[Silence | None] = ContextVar("current_silence", default=None)
"""What keeps statements of the running block quiet."""


@contextmanager
def sql_expected(reason: str) -> Iterator[None]:
    """Tell no finding about the statements run within.

    A single statement says the same, without importing this package, by `.execution_options(sql_expected=reason)`.
    """
    token = current_silence.set(silence_of(reason, DEFAULT.find().site))
    try:
        yield
    finally:
        current_silence.reset(token)


def unused_silences() -> list[Silence]:
    """Return the silences that have been in force, and have had nothing to keep quiet since the process started.

    They are judged over many requests: one request with few rows says nothing about a loop.
    """
    return [silence for silence in _silences.values() if not silence.used]


def silence_of(reason: str, site: Site | None) -> Silence:
    """Return the one silence for this reason at this line."""
    return _silences.setdefault((reason, site), Silence(reason, site))
