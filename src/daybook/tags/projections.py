"""How tags are read."""

from sqlalchemy import BigInteger, bindparam

from daybook.database.projection import Projection
from daybook.tags.models import Tag
from daybook.tags.schemas import TagRead

USER_ID = bindparam("user_id", type_=BigInteger)

TAGS = Projection(TagRead, Tag, where=[Tag.user_id == USER_ID], order_by=[Tag.tag_key, Tag.id])
"""The tags of `user_id`, by name."""
TAG = Projection(TagRead, Tag, where=[Tag.user_id == USER_ID, Tag.id == bindparam("id")])
