"""The bodies of the community's routes."""

from typing import Annotated, Self

from pydantic import MISSING, AfterValidator, Field, model_validator

from daybook.community.enums import Opinion
from daybook.library.enums import ContentType
from daybook.tags.names import tag_key
from daybook.tags.schemas import TagName
from daybook.web.schema import BigId, Line, Moment, Note, Schema

MAX_ITEMS = 500
MAX_THUMBNAILS = 4


def _once_each(topics: list[str]) -> list[str]:
    by_key: dict[str, str] = {}
    for topic in topics:
        by_key.setdefault(tag_key(topic), topic)
    return list(by_key.values())


Topics = Annotated[
    list[TagName],
    Field(max_length=5, description="Of several spellings, the first counts.", examples=[["요리", "한식"]]),
    AfterValidator(_once_each),
]
ContentIds = Annotated[
    list[BigId],
    Field(min_length=1, max_length=MAX_ITEMS, description="Of your contents, in the order in which they are shown."),
    AfterValidator(lambda ids: list(dict.fromkeys(ids))),
]
Title = Annotated[Line, Field(examples=["김치로 할 수 있는 모든 것"])]


class ArticleCreate(Schema):
    """An article to publish: the contents of one of the caller's tags, or a list of them. Notes are left out."""

    title: Title
    body: Note = ""
    tag_id: Annotated[BigId | None, Field(description="All that has this tag, the newest first.")] = None
    content_ids: ContentIds | None = None
    topics: Topics = []

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.tag_id is None) is (self.content_ids is None):
            raise ValueError("name either tagId or contentIds")
        return self


class ArticleUpdate(Schema):
    """The fields to change. A field that is left out keeps its value; topics are replaced as a whole.

    The links of a published article do not change.
    """

    title: Title | MISSING = MISSING
    body: Note | MISSING = MISSING
    topics: Topics | MISSING = MISSING


class AuthorRead(Schema):
    """Who wrote it."""

    id: int
    username: str


class ArticleItemRead(Schema):
    """One link of an article."""

    url: str
    content_type: ContentType
    title: str
    description: str | None
    thumbnail: str | None
    favicon: str | None
    video_length: Annotated[int | None, Field(description="seconds")]


class ArticleSummary(Schema):
    """An article, as lists show it."""

    id: int
    title: str
    body: str
    topics: list[str]
    author: AuthorRead
    item_count: int
    thumbnails: Annotated[list[str], Field(description=f"The first {MAX_THUMBNAILS} of its items.")]
    comment_count: int
    up_count: Annotated[int, Field(description="Votes.")]
    down_count: Annotated[int, Field(description="Downloads.")]
    created_at: Moment
    updated_at: Moment


class ArticleRead(ArticleSummary):
    """An article with its links."""

    items: list[ArticleItemRead]
    voted: Annotated[bool, Field(description="Whether the caller has voted for it.")]
    downloaded: Annotated[bool, Field(description="Whether the caller has downloaded it.")]


class TopicRead(Schema):
    """A topic, and how many articles have it."""

    topic: Annotated[str, Field(examples=["요리"])]
    article_count: int


class ArticleVoteRead(Schema):
    """How many like an article, and whether the caller does."""

    up_count: int
    voted: bool


class DownloadRequest(Schema):
    """Where an article's links go."""

    tagname: Annotated[TagName | None, Field(description="By default, the article's title, cut to 50 characters.")] = (
        None
    )


class DownloadRead(Schema):
    """What became of an article's links in the caller's library."""

    tagname: str
    added: int
    skipped: Annotated[int, Field(description="Were in the library already, and stay as they are, but have the tag.")]
    total: int
    down_count: Annotated[int, Field(description="How many people have downloaded the article.")]


CommentBody = Annotated[Note, Field(min_length=1, examples=["잘 읽었어요"])]


class CommentCreate(Schema):
    """A new comment."""

    body: CommentBody


class CommentUpdate(Schema):
    """The fields to change. A field that is left out keeps its value."""

    body: CommentBody | MISSING = MISSING


class CommentRead(Schema):
    """A comment."""

    id: int
    article_id: int
    body: str
    author: AuthorRead
    up_count: int
    down_count: int
    created_at: Moment
    updated_at: Moment


class CommentVoteCreate(Schema):
    """What the caller thinks of a comment."""

    value: Opinion


class CommentVoteRead(Schema):
    """What people think of a comment, and what the caller does."""

    up_count: int
    down_count: int
    value: Opinion | None
