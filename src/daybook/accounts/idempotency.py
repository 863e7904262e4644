"""Idempotency-Key: a POST whose answer was lost can be sent again, and gets the first answer.

As in the IETF draft (draft-ietf-httpapi-idempotency-key-header): 409 while the first request is being processed, 422
when the key is sent with a different request. The key's row is written in the transaction of the work itself, so that
there is never one without the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Select, and_, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.accounts.models import IdempotencyKey
from daybook.database.engine import Database
from daybook.database.executor import Executor, SessionExecutor
from daybook.errors import Conflict, InvalidInput

KEPT = timedelta(days=1)
REPLAYED = "Idempotency-Replayed"

Key = Annotated[
    str | None,
    Header(
        description="Any unique text. A request that is sent again with the same key gets the answer of the first one.",
        examples=["01935a2e-6d0c-7c55-8a3e-5f2b9d1c7e40"],
    ),
    StringConstraints(min_length=1, max_length=200),
]


class RequestInFlight(Conflict):
    """The first request with this `Idempotency-Key` is still being processed. Try again shortly."""

    code = "request-in-flight"
    title = "Request in progress"
    detail = "The first request with this Idempotency-Key is still being processed."


class KeyReused(InvalidInput):
    """This `Idempotency-Key` was sent with a different request before. Use a new key."""

    code = "idempotency-key-reused"
    title = "Idempotency-Key already used"
    detail = "This Idempotency-Key was sent with a different request before; use a new one."


Answer = tuple[int, BaseModel]
"""The status and the body of an answer."""


@dataclass(frozen=True, slots=True)
class Once:
    """Does the work of a request once for its Idempotency-Key; without a key, it simply does it.

    `body` is the request's. Its methods raise RequestInFlight or KeyReused.
    """

    request: Request
    key: str | None

    async def one_statement(
        self, caller: Caller, body: BaseModel | bytes, work: Callable[[Executor], Awaitable[Answer]]
    ) -> Response:
        """Return the answer of `work`, which writes with one statement, or the answer of the first such request.

        Without a key, such work needs no transaction around it.
        """
        database: Database = self.request.state.database
        if self.key is None:
            return _respond(*await work(database.writer))
        async with database.write.begin() as session:
            if first := await self._find_answer(session, caller, body):
                return first
            status, answer = await work(SessionExecutor(session))
            await self._remember(session, caller, body, status, answer)
        return _respond(status, answer)

    async def first_answer(self, caller: Caller, body: BaseModel | bytes) -> Response | None:
        """Return the answer of the first request with this key, if any, for work that first has to wait elsewhere."""
        if self.key is None:
            return None
        database: Database = self.request.state.database
        async with database.write.begin() as session:
            return await self._find_answer(session, caller, body)

    async def _find_answer(self, session: AsyncSession, caller: Caller, body: BaseModel | bytes) -> Response | None:
        if self.key is None:
            return None
        locked, first = (await session.execute(_lock_and_find(caller.user_id, self.key))).one()
        if not locked:
            raise RequestInFlight
        if first is None:
            return None
        if first.fingerprint != self._fingerprint(body):
            raise KeyReused
        return JSONResponse(first.response, first.status, {REPLAYED: "true"})

    async def _remember(
        self, session: AsyncSession, caller: Caller, body: BaseModel | bytes, status: int, answer: BaseModel
    ) -> None:
        user_id = caller.user_id
        outdated = and_(IdempotencyKey.user_id == user_id, IdempotencyKey.created_at < func.now() - KEPT)
        await session.execute(delete(IdempotencyKey).where(outdated))
        session.add(
            IdempotencyKey(
                user_id=user_id,
                key=self.key,
                fingerprint=self._fingerprint(body),
                status=status,
                response=answer.model_dump(mode="json", by_alias=True),
            )
        )
        try:
            await session.flush()
        except IntegrityError as error:  # the first request was committed between our look and our lock
            raise RequestInFlight("The first request with this Idempotency-Key has just been processed.") from error

    def _fingerprint(self, body: BaseModel | bytes) -> bytes:
        content = body if isinstance(body, bytes) else body.model_dump_json(exclude_unset=True).encode()
        return sha256(f"{self.request.method} {self.request.url.path}\n".encode() + content).digest()


def _respond(status: int, body: BaseModel) -> Response:
    return Response(body.model_dump_json(by_alias=True), status, media_type="application/json")


async def _once(request: Request, idempotency_key: Key = None) -> Once:
    return Once(request, idempotency_key)


OncePerKey = Annotated[Once, Depends(_once)]


def _lock_and_find(user_id: int, key: str) -> Select[bool, IdempotencyKey | None]:
    lock = select(func.pg_try_advisory_xact_lock(func.hashtextextended(key, user_id)).label("locked")).subquery()
    this_key = and_(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    return select(lock.c.locked, IdempotencyKey).select_from(lock).outerjoin(IdempotencyKey, this_key)
