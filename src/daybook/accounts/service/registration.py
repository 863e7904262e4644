"""Who may create an account, and the invitations of those who may where not everybody does."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts import queries
from daybook.accounts.errors import InvitationNeeded, RegistrationClosed
from daybook.accounts.models import Invitation
from daybook.accounts.tokens import digest, new_invitation
from daybook.database.engine import Database
from daybook.settings import Registration

INVITED_FOR = timedelta(days=14)


def check(registration: Registration, invitation: str | None) -> None:
    """Raise RegistrationClosed or InvitationNeeded for what needs no look into the database."""
    if registration is Registration.CLOSED:
        raise RegistrationClosed
    if registration is Registration.INVITE and invitation is None:
        raise InvitationNeeded


async def admit(session: AsyncSession, registration: Registration, invitation: str | None, now: datetime) -> None:
    """Use the invitation up in the transaction that creates the account; RegistrationClosed or InvitationNeeded."""
    check(registration, invitation)
    if registration is Registration.OPEN or invitation is None:
        return
    if await session.scalar(queries.use_invitation(digest(invitation), now)) is None:
        raise InvitationNeeded("The invitation is unknown, used or has expired.")


async def invite(database: Database, now: datetime) -> str:
    """Return a new invitation, good for one account within `INVITED_FOR`; only its hash is kept."""
    invitation = new_invitation()
    async with database.write.begin() as session:
        await session.execute(queries.delete_old_invitations(now))
        session.add(Invitation(token_hash=digest(invitation), expires_at=now + INVITED_FOR))
    return invitation
