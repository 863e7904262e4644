"""The statements of saved links. Each takes the owner as a required argument."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    DateTime,
    Insert,
    Select,
    Text,
    bindparam,
    collate,
    column,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import selectinload, undefer
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate
from sqlalchemy.sql.elements import KeyedColumnElement

from daybook.accounts.models import User
from daybook.accounts.queries import local_day
from daybook.database.base import Base
from daybook.library.models import Content, PostMetadata, VideoMetadata
from daybook.library.projections import CONTENT
from daybook.tags.models import ContentTag
from daybook.tags.queries import ensured_tags

OWNER = bindparam("user_id", type_=BigInteger)


def _given_columns(mapped: type[Base], *computed: str) -> list[KeyedColumnElement[Any]]:
    """The columns of a table whose values come with a link: all but those that are `computed` here."""
    return [stored for stored in mapped.__table__.c if stored.name not in computed]


# Taken from the tables, so that a new column needs nothing here.
CONTENT_COLUMNS = _given_columns(Content, "id", "user_id", "updated_at")
VIDEO_COLUMNS = _given_columns(VideoMetadata, "content_id")
POST_COLUMNS = _given_columns(PostMetadata, "content_id")


def _given() -> CTE:
    """The links to save as rows, from the parameter `contents`: one JSON array for any number of links.

    A row has the given columns of the three tables, and `tag_keys`.
    """
    columns = [column(stored.name, stored.type) for stored in (*CONTENT_COLUMNS, *VIDEO_COLUMNS, *POST_COLUMNS)]
    given = func.jsonb_to_recordset(bindparam("contents", type_=JSONB)).table_valued(
        *columns, column("tag_keys", ARRAY(Text)), name="given"
    )
    return select(given.render_derived(with_types=True)).cte("given")


def _insert_metadata(mapped: type[Base], columns: list[KeyedColumnElement[Any]], given: CTE, inserted: CTE) -> Insert:
    """Insert the metadata of those of the links `inserted` that have any."""
    values = [given.c[stored.name] for stored in columns]
    rows = select(inserted.c.id, *values).join_from(inserted, given, given.c.url_key == inserted.c.url_key)
    return insert(mapped).from_select(
        ["content_id", *(value.name for value in values)], rows.where(or_(*(value.is_not(None) for value in values)))
    )


def _insert_contents() -> Select[int, str]:
    """Insert links with their metadata and tags; rows of the id and url_key of those that are new.

    The url_keys must be distinct. The rows are inserted sorted, so that two transactions that save the same pages
    cannot deadlock. Selecting from the owner's own row makes the default date the owner's local date.
    """
    given, tags = _given(), ensured_tags()
    now = bindparam("now", type_=DateTime(timezone=True))
    values: dict[str, Any] = {stored.name: given.c[stored.name] for stored in CONTENT_COLUMNS} | {
        "user_id": User.id,
        "saved_on": func.coalesce(given.c.saved_on, local_day(func.coalesce(given.c.created_at, now))),
        "created_at": func.coalesce(given.c.created_at, func.now()),
    }
    rows = select(*values.values()).join_from(User, given, User.id == OWNER).order_by(collate(given.c.url_key, "C"))
    inserted = (
        pg_insert(Content)
        .from_select(list(values), rows)
        .on_conflict_do_nothing(index_elements=[Content.user_id, Content.url_key])
        .returning(Content.id, Content.url_key)
        .cte("inserted")
    )
    video = _insert_metadata(VideoMetadata, VIDEO_COLUMNS, given, inserted)
    post = _insert_metadata(PostMetadata, POST_COLUMNS, given, inserted)
    # Unnested first, for `= ANY (tag_keys)` would look at every tag for every content.
    named = (
        select(inserted.c.id, func.unnest(given.c.tag_keys).label("tag_key"))
        .join_from(inserted, given, given.c.url_key == inserted.c.url_key)
        .subquery("named")
    )
    tagged = insert(ContentTag).from_select(
        ["content_id", "tag_id", "user_id"],
        select(named.c.id, tags.c.id, OWNER).join_from(named, tags, tags.c.tag_key == named.c.tag_key),
    )
    return select(inserted.c.id, inserted.c.url_key).add_cte(video.cte("video"), post.cte("post"), tagged.cte("tagged"))


INSERT_CONTENTS = _insert_contents()


def contents_by_url(user_id: int, url_keys: Sequence[str]) -> Select[int, str]:
    """The id and url_key of those of the pages that are in the library."""
    return select(Content.id, Content.url_key).where(
        Content.user_id == user_id, Content.url_key == func.any(literal(list(url_keys), ARRAY(Text)))
    )


def content_for_update(user_id: int, content_id: int) -> Select[Content]:
    """One link with what its answer shows, locked, so that of two changes at once the second sees the first."""
    return (
        select(Content)
        .where(Content.user_id == user_id, Content.id == content_id)
        # New links to tags take the owner from their content.
        .options(*CONTENT.options(), selectinload(Content.tag_links), undefer(Content.user_id))
        .with_for_update(of=Content)
    )


def set_bookmark(user_id: int, content_id: int, *, bookmark: bool) -> ReturningUpdate[int]:
    """Set or remove a bookmark; the link's id, or no row."""
    return (
        update(Content)
        .where(Content.user_id == user_id, Content.id == content_id)
        .values(bookmark=bookmark)
        .returning(Content.id)
    )


def delete_content(user_id: int, content_id: int) -> ReturningDelete[int]:
    """Delete a link and what belongs to it; its id, or no row."""
    return delete(Content).where(Content.user_id == user_id, Content.id == content_id).returning(Content.id)
