"""The orders in which articles are listed, page by page.

A page continues after the sort key of the last article. Where that is a count, an article whose count changes in the
meantime moves: it may appear twice or not at all, and all others appear once.
"""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, FiniteFloat, TypeAdapter

from daybook.community.enums import Feed
from daybook.community.projections import FEEDS, SHUFFLED, FeedProjections
from daybook.database.executor import Executor
from daybook.database.projection import KeysetPage, Projection, decode_cursor
from daybook.errors import FieldError, InvalidInput
from daybook.tags.names import tag_key
from daybook.web.schema import BigId

MAX_SEED = 2**53 - 1
"""The largest integer that JavaScript's numbers hold exactly."""

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]

# A cursor names its feed, since the sort key of another feed would lead anywhere.
KEYS: dict[Feed, TypeAdapter[Any]] = {
    Feed.NEWEST: TypeAdapter(tuple[Literal["newest"], BigId]),
    Feed.POPULAR: TypeAdapter(tuple[Literal["popular"], Count, BigId]),
    Feed.HOT: TypeAdapter(tuple[Literal["hot"], FiniteFloat, BigId]),
    Feed.UPVOTE: TypeAdapter(tuple[Literal["upvote"], Count, BigId]),
    Feed.RANDOM: TypeAdapter(
        tuple[Literal["random"], Seed, bool] | tuple[Literal["random"], Seed, bool, FiniteFloat, BigId]
    ),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which articles a feed shows: of a topic, by an author, or all."""

    topic: str | None = None
    author: int | None = None


async def read(
    reader: Executor, feed: Feed, selection: Selection, *, seed: int | None, limit: int, cursor: str | None
) -> KeysetPage:
    """Return a page of a feed; InvalidCursor for a cursor of another feed, InvalidInput for one of another seed."""
    key = decode_cursor(cursor, KEYS[feed])[1:] if cursor else None
    if feed is Feed.RANDOM:
        return await _read_shuffled(reader, selection, seed, limit, key)
    page = await _page(reader, FEEDS[feed], selection, limit=limit, after=key)
    return replace(page, next_key=(feed, *page.next_key) if page.next_key else None)


async def _page(
    reader: Executor,
    feed: FeedProjections,
    selection: Selection,
    *,
    limit: int,
    after: Sequence[object] | None,
    **parameters: Any,
) -> KeysetPage:
    projection: Projection[Any] = feed.all
    topic_key = tag_key(selection.topic) if selection.topic else None
    before: tuple[object, ...] = ()
    if topic_key and selection.author is None:
        projection, before = feed.of_topic, (topic_key,)
    if selection.author is not None:
        parameters["author"] = selection.author
    after = (*before, *after) if after else None
    page = await projection.page(reader, limit=limit, after=after, topic_key=topic_key, **parameters)
    return replace(page, next_key=page.next_key[len(before) :] if page.next_key else None)


# --- random


@dataclass(frozen=True, slots=True)
class _Round:
    """A walk through all places of the random feed, from one that the seed chooses, past the end, to where it began."""

    seed: int
    ascending: bool
    start: float

    @classmethod
    def of(cls, seed: int) -> "_Round":
        dice = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
        return cls(seed, ascending=dice.random() < 0.5, start=dice.random())

    async def page(
        self, reader: Executor, selection: Selection, limit: int, *, wrapped: bool, after: Sequence[object] = ()
    ) -> KeysetPage:
        """Return a page of one of its two halves, before or after it has wrapped."""
        half = {"below" if self.ascending is wrapped else "least": self.start}
        page = await _page(reader, SHUFFLED[self.ascending], selection, limit=limit, after=after, **half)
        return replace(page, next_key=self.key(wrapped, *page.next_key) if page.next_key else None)

    def key(self, wrapped: bool, *after: object) -> tuple[object, ...]:
        """Return the sort key of a cursor that continues after this place, or at the beginning of the half."""
        return (Feed.RANDOM, self.seed, wrapped, *after)


async def _read_shuffled(
    reader: Executor, selection: Selection, seed: int | None, limit: int, key: Sequence[Any] | None
) -> KeysetPage:
    if key and seed not in {None, key[0]}:
        raise InvalidInput(
            "The cursor belongs to another seed.",
            errors=[FieldError(("cursor",), "leave the seed out, or use the seed of the first page")],
        )
    started, wrapped, *after = key or (secrets.randbelow(MAX_SEED + 1) if seed is None else seed, False)
    walk = _Round.of(started)
    page = await walk.page(reader, selection, limit, wrapped=wrapped, after=after)
    if wrapped or page.next_key:
        return page
    # The end, from which it continues at the beginning. A page has room left only once in a round.
    room = limit - len(orjson.loads(page.items))
    rest = await walk.page(reader, selection, room or 1, wrapped=True)
    if room:
        return KeysetPage(_joined(page.items, rest.items), rest.next_key)
    return replace(page, next_key=walk.key(True) if rest.items != b"[]" else None)


def _joined(first: bytes, second: bytes) -> bytes:
    """Return one JSON array of two."""
    empty = b"[]"
    return second if first == empty else first if second == empty else first[:-1] + b"," + second[1:]
