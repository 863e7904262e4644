"""The request and response bodies of the community."""

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
    Field(
        max_length=5, description="Of several spellings of a topic, the first one is kept.", examples=[["요리", "한식"]]
    ),
    AfterValidator(_once_each),
]
ContentIds = Annotated[
    list[BigId],
    Field(
        min_length=1,
        max_length=MAX_ITEMS,
        description="Publish the links with these ids, in this order.",
        examples=[[12, 7]],
    ),
    AfterValidator(lambda ids: list(dict.fromkeys(ids))),
]
Title = Annotated[Line, Field(examples=["김치로 할 수 있는 모든 것"])]


class ArticleCreate(Schema):
    """An article to publish: all links with one of your tags, or links that you choose.

    Your notes on the links are not published.
    """

    title: Title
    body: Note = ""
    tag_id: Annotated[BigId | None, Field(description="Publish all links with this tag, the newest first.")] = None
    content_ids: ContentIds | None = None
    topics: Topics = []

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.tag_id is None) is (self.content_ids is None):
            raise ValueError("send either tagId or contentIds")
        return self


class ArticleUpdate(Schema):
    """The fields to change. Fields that are left out keep their values; topics are replaced as a whole.

    The links of a published article cannot be changed.
    """

    title: Title | MISSING = MISSING
    body: Note | MISSING = MISSING
    topics: Topics | MISSING = MISSING


class AuthorRead(Schema):
    """The author of an article or a comment."""

    id: int
    username: str


class ArticleItemRead(Schema):
    """A link of an article."""

    url: str
    content_type: ContentType
    title: str
    description: str | None
    thumbnail: str | None
    favicon: str | None
    video_length: Annotated[int | None, Field(description="In seconds.", examples=[612])]


class ArticleSummary(Schema):
    """An article without its links, as in lists."""

    id: int
    title: Annotated[str, Field(examples=["김치로 할 수 있는 모든 것"])]
    body: str
    topics: Annotated[list[str], Field(examples=[["요리", "한식"]])]
    author: AuthorRead
    item_count: int
    thumbnails: Annotated[list[str], Field(description=f"Of the first {MAX_THUMBNAILS} links that have one.")]
    comment_count: int
    up_count: Annotated[int, Field(description="How many votes it has.")]
    down_count: Annotated[int, Field(description="How many users have downloaded it.")]
    created_at: Moment
    updated_at: Moment


class ArticleRead(ArticleSummary):
    """An article with its links."""

    items: list[ArticleItemRead]
    voted: Annotated[bool, Field(description="Whether you have voted for it.")]
    downloaded: Annotated[bool, Field(description="Whether you have downloaded it.")]


class TopicRead(Schema):
    """A topic, and how many articles have it."""

    topic: Annotated[str, Field(examples=["요리"])]
    article_count: Annotated[int, Field(description="Counted among the newest articles.")]


class ArticleVoteRead(Schema):
    """The votes for an article, after yours has been counted."""

    up_count: Annotated[int, Field(description="How many votes the article has.")]
    voted: Annotated[bool, Field(description="Whether one of them is yours.")]


class DownloadRequest(Schema):
    """How to save an article's links."""

    tagname: Annotated[
        TagName | None,
        Field(description="The tag for the links; by default, the first 50 characters of the article's title."),
    ] = None


class DownloadRead(Schema):
    """How an article's links were saved in your library."""

    tagname: str
    added: Annotated[int, Field(description="Links that are new in your library.")]
    skipped: Annotated[int, Field(description="Links that you had already, which only got the tag.")]
    total: Annotated[int, Field(description="All links of the article.")]
    down_count: Annotated[int, Field(description="How many users have downloaded the article.")]


CommentBody = Annotated[Note, Field(min_length=1, examples=["잘 읽었어요"])]


class CommentCreate(Schema):
    """A comment to write."""

    body: CommentBody


class CommentUpdate(Schema):
    """The fields to change. Fields that are left out keep their values."""

    body: CommentBody | MISSING = MISSING


class CommentRead(Schema):
    """A comment."""

    id: int
    article_id: int
    body: Annotated[str, Field(examples=["잘 읽었어요"])]
    author: AuthorRead
    up_count: Annotated[int, Field(description="How many users are for it.")]
    down_count: Annotated[int, Field(description="How many users are against it.")]
    created_at: Moment
    updated_at: Moment


class CommentVoteCreate(Schema):
    """Your vote on a comment."""

    value: Opinion


class CommentVoteRead(Schema):
    """The votes on a comment, after yours has been counted."""

    up_count: Annotated[int, Field(description="How many users are for the comment.")]
    down_count: Annotated[int, Field(description="How many users are against it.")]
    value: Annotated[Opinion | None, Field(description="Your vote; null if you have none.")]
