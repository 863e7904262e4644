"""The async ORM as its documentation teaches it: a session a request, `selectinload`, entities, a response model."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import Select, func, make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import joinedload, selectinload, undefer

import daybook.tables  # noqa: F401 - the tables that these refer to
from benchmarks.contenders.schemas import ArticlePage, ContentRead, FoodLogCreate, FoodLogPage, FoodLogRead, Logged
from benchmarks.contenders.signed_in import CurrentUser
from daybook.accounts.models import User
from daybook.community.models import Article
from daybook.database.projection import encode_cursor
from daybook.diary.models import FoodIngredient, FoodLog
from daybook.library.models import Content
from daybook.tags.models import ContentTag

engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"),
    pool_size=10,
    max_overflow=0,
    connect_args={"server_settings": {"jit": "off"}},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Close the pool at the end."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for the request."""
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


def logs_of(user_id: int) -> Select[FoodLog]:
    """The person's meals with all that a response shows of them."""
    return (
        select(FoodLog)
        .where(FoodLog.user_id == user_id)
        .options(joinedload(FoodLog.user), selectinload(FoodLog.ingredients), selectinload(FoodLog.tags))
    )


@app.get("/api/log/food/today", response_model=list[FoodLogRead])
async def today(user_id: CurrentUser, session: Session) -> Sequence[FoodLog]:
    """The meals of today."""
    day = select(func.date(func.timezone(User.timezone, func.now()))).where(User.id == user_id).scalar_subquery()
    return (await session.scalars(logs_of(user_id).where(FoodLog.date == day).order_by(FoodLog.id))).all()


@app.get("/api/log/food", response_model=FoodLogPage)
async def list_food(user_id: CurrentUser, session: Session, limit: int = 50) -> dict[str, object]:
    """The latest meals."""
    newest = logs_of(user_id).order_by(FoodLog.date.desc(), FoodLog.id.desc()).limit(limit + 1)
    logs = (await session.scalars(newest)).all()
    last = logs[limit - 1] if len(logs) > limit else None
    return {"items": logs[:limit], "next_cursor": encode_cursor(last.date, str(last.id)) if last else None}


@app.get("/api/log/food/{log_id}", response_model=FoodLogRead)
async def get_food(log_id: UUID, user_id: CurrentUser, session: Session) -> FoodLog:
    """One meal."""
    log = await session.scalar(logs_of(user_id).where(FoodLog.id == log_id))
    if log is None:
        raise HTTPException(404)
    return log


@app.post("/api/log/food", status_code=201)
async def log_food(new: FoodLogCreate, user_id: CurrentUser, session: Session) -> Logged:
    """Log a meal with its ingredients."""
    ingredients = [
        FoodIngredient(position=position, **part.model_dump()) for position, part in enumerate(new.ingredients)
    ]
    log = FoodLog(user_id=user_id, ingredients=ingredients, **new.model_dump(exclude={"ingredients"}))
    session.add(log)
    await session.commit()
    return Logged(id=log.id)


def contents_of(user_id: int, caller: int) -> Select[Content]:
    """The person's contents with all that a response shows of them, or 404 when they are another's."""
    if user_id != caller:
        raise HTTPException(404)
    return (
        select(Content)
        .where(Content.user_id == user_id)
        .options(joinedload(Content.video_metadata), joinedload(Content.post_metadata), selectinload(Content.tags))
        .order_by(Content.saved_on.desc(), Content.id.desc())
    )


@app.get("/api/contents/user/{user_id}/all", response_model=list[ContentRead])
async def all_contents(user_id: int, caller: CurrentUser, session: Session, limit: int = 50) -> Sequence[Content]:
    """All contents."""
    return (await session.scalars(contents_of(user_id, caller).limit(limit))).all()


@app.get("/api/contents/bookmarks/user/{user_id}", response_model=list[ContentRead])
async def bookmarks(user_id: int, caller: CurrentUser, session: Session, limit: int = 50) -> Sequence[Content]:
    """The bookmarked contents."""
    return (await session.scalars(contents_of(user_id, caller).where(Content.bookmark).limit(limit))).all()


@app.get("/api/tags/{tag_id}/contents/all", response_model=list[ContentRead])
async def contents_of_tag(tag_id: int, caller: CurrentUser, session: Session, limit: int = 50) -> Sequence[Content]:
    """What has a tag."""
    tagged = contents_of(caller, caller).join(ContentTag, ContentTag.content_id == Content.id)
    return (await session.scalars(tagged.where(ContentTag.tag_id == tag_id).limit(limit))).all()


@app.get("/api/articles", response_model=ArticlePage)
async def popular(
    _caller: CurrentUser, session: Session, feed: Literal["popular"], limit: int = 50
) -> dict[str, object]:
    """The articles that most have downloaded."""
    most = (
        select(Article)
        .options(joinedload(Article.author), undefer(Article.comment_count))  # type: ignore[attr-defined]  # mapped after its class
        .order_by(Article.down_count.desc(), Article.id.desc())
        .limit(limit + 1)
    )
    articles = (await session.scalars(most)).all()
    last = articles[limit - 1] if len(articles) > limit else None
    return {"items": articles[:limit], "next_cursor": encode_cursor(feed, last.down_count, last.id) if last else None}
