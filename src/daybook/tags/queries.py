"""The statements of tags. Each takes the owner as a required argument or parameter."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Insert,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.sql.dml import ReturningDelete

from daybook.tags.models import ContentTag, FoodLogTag, Tag


def ensured_tags() -> CTE:
    """Find or create the tags of `user_id` with these `tag_keys`; `tag_names` and `tag_colors` are for new ones.

    Rows of id, key and whether it was created. The keys are to be distinct, and sorted so that of two transactions that
    create the same tags neither waits for one that waits for it.
    """
    owner = bindparam("user_id", type_=BigInteger)
    arrays = {"tag_keys": Text, "tag_names": Text, "tag_colors": BigInteger}
    given = (
        func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in arrays.items()))
        .table_valued("tag_key", "tagname", "color")
        .render_derived()
    )
    existing = (
        select(Tag.id, Tag.tag_key)
        .where(Tag.user_id == owner, Tag.tag_key.in_(select(given.c.tag_key)))
        .cte("existing_tags")
    )
    # A tag that is created at the same time elsewhere comes back only when there is something to update.
    new = select(owner, given.c.tagname, given.c.tag_key, given.c.color).where(
        given.c.tag_key.not_in(select(existing.c.tag_key))
    )
    insert = pg_insert(Tag).from_select(["user_id", "tagname", "tag_key", "color"], new.order_by(given.c.tag_key))
    created = (
        insert.on_conflict_do_update(
            index_elements=[Tag.user_id, Tag.tag_key], set_={"tag_key": insert.excluded.tag_key}
        )
        .returning(Tag.id, Tag.tag_key)
        .cte("created_tags")
    )
    return union_all(
        select(existing.c.id, existing.c.tag_key, literal(False).label("created")),
        select(created.c.id, created.c.tag_key, literal(True)),
    ).cte("ensured_tags")


ENSURE_TAGS = select(ensured_tags())


def tags_by_key(user_id: int, keys: Iterable[str]) -> Select[Tag]:
    """The tags with these keys, as far as they exist."""
    return select(Tag).where(Tag.user_id == user_id, Tag.tag_key.in_(keys))


_INSERT = pg_insert(Tag)
CREATE_TAGS = _INSERT.on_conflict_do_update(
    index_elements=[Tag.user_id, Tag.tag_key], set_={"tag_key": _INSERT.excluded.tag_key}
).returning(Tag)
"""Create tags and return them. A tag that another request has created in the meantime is returned as it is, which
DO NOTHING would not do."""


def tag_exists(user_id: int, tag_id: int) -> Select[int]:
    """The tag's id, or no row."""
    return select(Tag.id).where(Tag.user_id == user_id, Tag.id == tag_id)


def delete_tag(user_id: int, tag_id: int) -> ReturningDelete[int]:
    """Delete a tag, and remove it from everything that has it; its id, or no row."""
    return delete(Tag).where(Tag.user_id == user_id, Tag.id == tag_id).returning(Tag.id)


def add_tags(
    link: type[ContentTag | FoodLogTag], user_id: int, item_ids: Sequence[int | UUID], tag_keys: Sequence[str]
) -> Insert:
    """Add existing tags of the owner to things that may have them already. The two lists are pairs, and sorted."""
    item = link.__table__.c[0]
    arrays = literal(list(item_ids), ARRAY(item.type)), literal(list(tag_keys), ARRAY(Text))
    pairs = func.unnest(*arrays).table_valued(item.name, "tag_key").render_derived()
    tagged = select(pairs.c[item.name], Tag.id, Tag.user_id).join_from(
        pairs, Tag, and_(Tag.tag_key == pairs.c.tag_key, Tag.user_id == user_id)
    )
    return pg_insert(link).from_select([item.name, "tag_id", "user_id"], tagged).on_conflict_do_nothing()


def copy_links(link: type[ContentTag | FoodLogTag], user_id: int, tag_id: int, into: int) -> Insert:
    """Add the second tag to everything of one kind that has the first one."""
    item = link.__table__.c[0]
    linked = select(item, literal(into), literal(user_id)).where(link.tag_id == tag_id, link.user_id == user_id)
    columns = [item.name, "tag_id", "user_id"]
    return pg_insert(link).from_select(columns, linked.order_by(item)).on_conflict_do_nothing()
