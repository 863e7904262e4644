"""Saving links: one, many or a whole file of them, with the same few statements."""

import asyncio
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.accounts.service import users
from daybook.errors import Unavailable
from daybook.library import queries
from daybook.library.new_content import NewContent, likely_type
from daybook.library.search import index_terms, search_text
from daybook.library.urls import normalized
from daybook.tags import service as tags
from daybook.tags.models import ContentTag
from daybook.tags.names import tag_key
from daybook.tags.queries import add_tags

TERMS = 100_000
"""Index terms (and those of one more link) that one statement saves."""
INSERT_CONTENTS = queries.INSERT_CONTENTS.execution_options(
    sql_expected="a statement has a few seconds, and many long texts take longer: few statements, each of many links"
)


@dataclass(frozen=True, slots=True)
class Saved:
    """The outcome for one link."""

    id: int
    created: bool
    """False when the page was in the library already."""


async def save_all(
    session: AsyncSession,
    caller: Caller,
    contents: Sequence[NewContent],
    now: dt.datetime,
    *,
    tag_existing: bool = False,
) -> list[Saved]:
    """Save links, and return the outcome for each, in their order.

    A page that is in the library already is not changed, except that it gets the tags it lacks if `tag_existing`. Two
    links to one page are saved as the first, with the tags of both. It takes one statement for each TERMS index terms
    of the links, one more if some pages are in the library already, and another if those get tags. Raises InvalidInput
    for an invalid address, Unauthenticated when the account no longer exists, and Unavailable when such a page is being
    deleted.
    """
    batch = await asyncio.to_thread(_prepared, caller, contents)
    ids: dict[str, Saved] = {}
    for rows in batch.rows:
        parameters = {"user_id": caller.user_id, "now": now, "contents": rows, **batch.tags}
        created = await session.execute(INSERT_CONTENTS, parameters)
        ids |= {key: Saved(content_id, created=True) for content_id, key in created}
    missing = sorted(batch.contents.keys() - ids.keys())
    if missing:
        ids |= await _existing(session, caller, missing)
        if tag_existing:
            await _link(session, caller, {ids[key].id: batch.contents[key].tags for key in missing})
    # Of two links to one page, only the first was created.
    seen: set[str] = set()
    results = []
    for key in batch.keys:
        results.append(ids[key] if key not in seen else Saved(ids[key].id, created=False))
        seen.add(key)
    return results


@dataclass(frozen=True, slots=True)
class _Batch:
    """Links as they are saved."""

    keys: list[str]
    """The normal form of each link's address."""
    contents: dict[str, NewContent]
    """By that."""
    rows: list[list[dict[str, Any]]]
    """For each statement."""
    tags: dict[str, Any]
    """The parameters of each statement. The first creates all tags in order, so that two requests cannot deadlock."""


def _prepared(caller: Caller, contents: Sequence[NewContent]) -> _Batch:
    """Normalize addresses, fold texts and names, and spread the links over statements. It takes its time."""
    keys = [normalized(content.url) for content in contents]
    by_key: dict[str, NewContent] = {}
    for key, content in zip(keys, contents, strict=True):
        first = by_key.get(key)
        by_key[key] = replace(first, tags=first.tags + content.tags) if first else content
    names = [name for content in by_key.values() for name in content.tags]
    rows = (_row(caller, key, by_key[key]) for key in sorted(by_key))
    return _Batch(keys, by_key, list(_by_weight(rows)), tags.tag_parameters(names))


def _by_weight(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in their order, as many together as have TERMS."""
    together: list[dict[str, Any]] = []
    weight = 0
    for row in rows:
        together.append(row)
        weight += len(row["search_terms"])
        if weight > TERMS:
            yield together
            together, weight = [], 0
    if together:
        yield together


async def _existing(session: AsyncSession, caller: Caller, url_keys: Sequence[str]) -> dict[str, Saved]:
    found = await session.execute(queries.contents_by_url(caller.user_id, url_keys))
    existing = {key: Saved(content_id, created=False) for content_id, key in found}
    if len(existing) < len(url_keys):
        await users.get(session, caller)
        raise Unavailable("Some of these links are being deleted; try again.", retry_after=1)
    return existing


async def _link(session: AsyncSession, caller: Caller, names: Mapping[int, Sequence[str]]) -> None:
    pairs = sorted({(content_id, tag_key(name)) for content_id, tags in names.items() for name in tags})
    if pairs:
        content_ids, keys = zip(*pairs, strict=True)
        await session.execute(add_tags(ContentTag, caller.user_id, content_ids, keys))


def _row(caller: Caller, url_key: str, content: NewContent) -> dict[str, Any]:
    """Return the link as a row for `queries.INSERT_CONTENTS`: its fields, and the columns derived from them."""
    text = search_text(content.title, content.description, content.note)
    return {field.name: getattr(content, field.name) for field in fields(content) if field.name != "tags"} | {
        "url_key": url_key,
        "content_type": content.content_type or likely_type(content),
        "search_text": text,
        "search_terms": index_terms(caller.user_id, text),
        "tag_keys": sorted({tag_key(name) for name in content.tags}),
    }
