"""Whether this process is alive, and whether it can do its work: what an orchestrator asks."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import literal, select

from daybook.errors import Unavailable
from daybook.web.problem import problems
from daybook.web.session import TheDatabase

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def check_health() -> Health:
    """Check that the process answers."""
    return Health()


@router.get("/readyz", responses=problems(Unavailable))
async def check_readiness(database: TheDatabase) -> Health:
    """Check that the process can do its work: that the database answers, too."""
    await database.run(select(literal(1)))
    return Health()
