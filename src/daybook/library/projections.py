"""How the library is read: each list and item with its response schema, its criteria and its order."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, SQLColumnExpression, Text, bindparam, exists

from daybook.database.projection import Projection
from daybook.library.models import Content, Import
from daybook.library.schemas import ContentRead, ImportRead
from daybook.library.search import INDEXED, OWNED, SCANNED
from daybook.tags.models import ContentTag, Tag

USER_ID = bindparam("user_id", type_=BigInteger)
NEWEST: list[SQLColumnExpression[Any]] = [Content.saved_on.desc(), Content.id.desc()]

CONTENT = Projection(ContentRead, Content, where=[Content.user_id == USER_ID, Content.id == bindparam("id")])
CONTENT_AT = Projection(
    ContentRead, Content, where=[Content.user_id == USER_ID, Content.url_key == bindparam("url_key")]
)
FILTERS: list[ColumnElement[bool]] = [
    Content.content_type == bindparam("content_type"),
    Content.bookmark == bindparam("bookmark"),
    Content.saved_on >= bindparam("first"),
    Content.saved_on <= bindparam("last"),
    exists()
    .where(ContentTag.content_id == Content.id, ContentTag.tag_id == Tag.id)
    .where(Tag.user_id == Content.user_id, Tag.tag_key == bindparam("tag_key", type_=Text)),
]
CONTENTS = Projection(
    ContentRead, Content, where=[Content.user_id == USER_ID], optional=[*FILTERS, *SCANNED], order_by=NEWEST
)
"""The links of `user_id`, the newest first. The other criteria apply when their parameters are given."""
FOUND = Projection(ContentRead, Content, where=[OWNED], optional=[*FILTERS, *INDEXED, *SCANNED], order_by=NEWEST)
"""The same list for words that few links contain: PostgreSQL starts from the index on words."""
BOOKMARKED: ColumnElement[bool] = Content.bookmark.expression
"""Written as in the partial index of bookmarks, which a comparison with a parameter would not match."""
BOOKMARKS = Projection(ContentRead, Content, where=[Content.user_id == USER_ID, BOOKMARKED], order_by=NEWEST)
CONTENTS_OF_TAG = Projection(
    ContentRead,
    Content,
    where=[
        Content.user_id == USER_ID,
        exists().where(ContentTag.content_id == Content.id, ContentTag.tag_id == bindparam("tag_id")),
    ],
    order_by=NEWEST,
)
IMPORT = Projection(ImportRead, Import, where=[Import.user_id == USER_ID, Import.id == bindparam("id")])
IMPORTS = Projection(ImportRead, Import, where=[Import.user_id == USER_ID], order_by=[Import.id.desc()])
