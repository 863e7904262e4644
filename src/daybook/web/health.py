"""Whether this process is alive, and whether it can do its work: what an orchestrator asks."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text

from daybook.errors import Unavailable
from daybook.web.problem import problems
from daybook.web.session import ReadSession

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses=problems(Unavailable))
async def readyz(session: ReadSession) -> Health:
    """The database answers, too; 503 while it does not."""
    await session.execute(text("SELECT 1"))
    return Health()
