"""Idempotency-Key: a POST whose answer was lost can be sent again, and gets the first answer.

As the IETF draft (draft-ietf-httpapi-idempotency-key-header) has it: 409 while the first is being worked on, 422
when the key comes with another request. The key's row is written in the transaction of the work itself, so that
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
    Header(description="Any unique text: the same request with the same key gets the first answer again."),
    StringConstraints(min_length=1, max_length=200),
]


class RequestInFlight(Conflict):
    """The first request with this Idempotency-Key is still being worked on."""

    code = "request-in-flight"
    title = "The same request is being worked on"


class KeyReused(InvalidInput):
    """This Idempotency-Key came with another request before."""

    code = "idempotency-key-reused"
    title = "This Idempotency-Key belongs to another request"


Answer = tuple[int, BaseModel]
"""The status and the body of an answer."""


@dataclass(frozen=True, slots=True)
class Once:
    """Does a request's work once for its Idempotency-Key; without a key, it simply does it.

    `sent` is what was asked for. Its methods raise RequestInFlight or KeyReused.
    """

    request: Request
    key: str | None

    async def __call__(
        self, caller: Caller, sent: BaseModel | bytes, work: Callable[[AsyncSession], Awaitable[Answer]]
    ) -> Response:
        """Return the answer of `work`, a unit of work that is committed by then, or that of the first time."""
        database: Database = self.request.state.database
        async with database.write.begin() as session:
            if first := await self._find_answer(session, caller, sent):
                return first
            status, body = await work(session)
            if self.key is not None:
                await self._remember(session, caller, sent, status, body)
        return _respond(status, body)

    async def one_statement(
        self, caller: Caller, sent: BaseModel | bytes, work: Callable[[Executor], Awaitable[Answer]]
    ) -> Response:
        """Return the answer of `work`, which writes with one statement, or that of the first time.

        Without a key such work needs no transaction around it.
        """
        if self.key is None:
            database: Database = self.request.state.database
            return _respond(*await work(database.writer))
        return await self(caller, sent, lambda session: work(SessionExecutor(session)))

    async def first_answer(self, caller: Caller, sent: BaseModel | bytes) -> Response | None:
        """Return the answer that this key has had already, if any: for who has to wait before the work proper."""
        if self.key is None:
            return None
        database: Database = self.request.state.database
        async with database.write.begin() as session:
            return await self._find_answer(session, caller, sent)

    async def _find_answer(self, session: AsyncSession, caller: Caller, sent: BaseModel | bytes) -> Response | None:
        if self.key is None:
            return None
        locked, first = (await session.execute(_lock_and_find(caller.user_id, self.key))).one()
        if not locked:
            raise RequestInFlight("The first request with this Idempotency-Key is still being worked on.")
        if first is None:
            return None
        if first.fingerprint != self._fingerprint(sent):
            raise KeyReused("This Idempotency-Key came with another request before; take a new one.")
        return JSONResponse(first.response, first.status, {REPLAYED: "true"})

    async def _remember(
        self, session: AsyncSession, caller: Caller, sent: BaseModel | bytes, status: int, body: BaseModel
    ) -> None:
        user_id = caller.user_id
        outdated = and_(IdempotencyKey.user_id == user_id, IdempotencyKey.created_at < func.now() - KEPT)
        await session.execute(delete(IdempotencyKey).where(outdated))
        session.add(
            IdempotencyKey(
                user_id=user_id,
                key=self.key,
                fingerprint=self._fingerprint(sent),
                status=status,
                response=body.model_dump(mode="json", by_alias=True),
            )
        )
        try:
            await session.flush()
        except IntegrityError as error:  # the first was committed between our look and our lock
            raise RequestInFlight("The first request with this Idempotency-Key has just been done.") from error

    def _fingerprint(self, sent: BaseModel | bytes) -> bytes:
        body = sent if isinstance(sent, bytes) else sent.model_dump_json(exclude_unset=True).encode()
        return sha256(f"{self.request.method} {self.request.url.path}\n".encode() + body).digest()


def _respond(status: int, body: BaseModel) -> Response:
    return Response(body.model_dump_json(by_alias=True), status, media_type="application/json")


async def _once(request: Request, idempotency_key: Key = None) -> Once:
    return Once(request, idempotency_key)


OncePerKey = Annotated[Once, Depends(_once)]


def _lock_and_find(user_id: int, key: str) -> Select[bool, IdempotencyKey | None]:
    lock = select(func.pg_try_advisory_xact_lock(func.hashtextextended(key, user_id)).label("locked")).subquery()
    this_key = and_(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    return select(lock.c.locked, IdempotencyKey).select_from(lock).outerjoin(IdempotencyKey, this_key)
