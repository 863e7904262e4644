"""Which of the relationships that are loaded ahead are ever read. By setting, since to know, reading has to be seen.

SQLAlchemy has no event for the reading of an attribute, so the descriptor of mapped attributes is given one. It does
not see who takes an object's `__dict__` apart (`vars`, pickling): the one way to be told of for nothing.

A single request says little: it may read an attribute under a condition only. So a line of code is judged over many
requests, and told of when not one of them, nor anything that they left running, has read what it loads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty

from daybook.tracing.callsite import Site
from daybook.tracing.records import Finding, Reading, Statement
from daybook.tracing.trace import current_trace

ENOUGH = 20
"""Requests after which a line that loads something is judged."""

_late: set[tuple[type, str]] = set()
"""What was read outside any request, or after one had ended: it counts for every line."""


@dataclass(slots=True)
class Loading:
    """In how many requests a line has loaded a relationship, and whether any of them has read it."""

    requests: int = 0
    read: bool = False


class Reads:
    """What the lines of the application load ahead, and what of it is read."""

    def __init__(self) -> None:
        _see_reads()
        self._loadings: dict[tuple[RelationshipProperty[Any], Site | None], Loading] = {}

    def judge(self, reading: Reading) -> Iterator[Finding]:
        """Yield what the request's lines have loaded in this and all requests before, and nobody has read."""
        for relationship, site in reading.loaded:
            loading = self._loadings.setdefault((relationship, site), Loading())
            loading.requests += 1
            loading.read = loading.read or _is_among(reading.read, relationship) or _is_among(_late, relationship)
            if loading.requests == ENOUGH and not loading.read:
                yield Finding(
                    "never-read",
                    f"{relationship} was loaded in {ENOUGH} requests and read in none",
                    'leave it out of the statement, or have the mapping say lazy="raise_on_sql"',
                    site,
                )


def note_loaded(reading: Reading, statement: Statement) -> None:
    """Take note of what a statement that has returned rows has loaded ahead."""
    site = statement.call.site
    load = statement.span.load if statement.span is not None else None
    if load is not None and load.relationship is not None:
        reading.loaded.add((load.relationship, site))
    reading.loaded.update((relationship, site) for relationship in statement.shape.joined)


def _is_among(reads: set[tuple[type, str]], relationship: RelationshipProperty[Any]) -> bool:
    owner = relationship.parent.class_
    return any(key == relationship.key and issubclass(one, owner) for one, key in reads)


def _see_reads() -> None:
    plain = InstrumentedAttribute.__get__
    if plain.__module__ == __name__:
        return

    def get(attribute: InstrumentedAttribute[Any], instance: object, owner: Any) -> Any:
        if instance is not None:
            trace = current_trace.get()
            reading = trace.reading if trace is not None and trace.ended is None else None
            (_late if reading is None else reading.read).add((type(instance), attribute.key))
        return plain(attribute, instance, owner)

    # The one place where all reading passes.
    InstrumentedAttribute.__get__ = get  # type: ignore[assignment,method-assign]  # mypy knows its overloads
