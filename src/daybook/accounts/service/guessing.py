"""Checking passwords where somebody may be guessing them: attempts are counted before the password is looked at.

Twenty failures from one network stop that network for this account, and a hundred stop it for every account. An
account by itself is only slowed down, or whoever knows an email address could lock its owner out. A device that has
signed in from its network before has no failures but its own against it.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from daybook.accounts import queries
from daybook.accounts.caller import Caller
from daybook.accounts.errors import TooManyAttempts, TooManyRegistrations, WrongPassword
from daybook.accounts.passwords import Passwords
from daybook.database.engine import Database
from daybook.errors import AccountDeleted

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_NETWORK = 20
PER_NETWORK = 100
UNSLOWED_PER_ACCOUNT = 20
REGISTRATIONS_PER_NETWORK = 50
SECONDS_PER_FAILURE = 0.25
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """The account whose password is asked for, and from where."""

    account: str
    """The id of the user, or the email that nobody has."""
    password_hash: str | None
    network: bytes
    known: bool
    """Whether the account has been signed in to from this network before."""


def network_of(address: str) -> bytes:
    """Return the SHA-256 of the network of an address: the IPv4 address, or the /64 that one IPv6 host may have."""
    try:
        ip = ip_address(address)
    except ValueError:  # a Unix socket has none
        return _bucket("network", address)
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64)
    return _bucket("network", str(ip))


async def verify(
    database: Database, passwords: Passwords, target: Target, password: str, now: datetime
) -> tuple[bool, str | None]:
    """Return whether the password is right, and a new hash if the cost of the stored one is out of date.

    Raises TooManyAttempts, without looking at the password.
    """
    passwords.require_room()  # before the attempt counts
    own = _bucket("account and network", f"{target.account} {target.network.hex()}")
    account = _bucket("account", target.account)
    limits = (
        {own: PER_ACCOUNT_AND_NETWORK} if target.known else {own: PER_ACCOUNT_AND_NETWORK, target.network: PER_NETWORK}
    )
    buckets = [own, target.network, account]
    async with database.write.begin() as session:
        # Read first, without a lock: those who are refused anyway do not queue for the row that they would count in.
        before = (await session.execute(queries.failures(buckets, now - WINDOW))).all()
        _refuse([since for bucket, failures, since in before if failures >= limits.get(bucket, failures + 1)], now)
        counted = (await session.execute(queries.count_attempt(buckets, now, WINDOW))).all()
    _refuse([since for bucket, failures, since in counted if failures > limits.get(bucket, failures)], now)
    slow = next(failures for bucket, failures, _ in counted if bucket == account) - UNSLOWED_PER_ACCOUNT
    if slow > 0 and not target.known:
        await asyncio.sleep(min(slow * SECONDS_PER_FAILURE, LONGEST_WAIT))
    correct, better_hash = await passwords.verify(password, target.password_hash)
    if correct:
        async with database.write.begin() as session:
            await session.execute(queries.delete_old_attempts(now - WINDOW))
            await session.execute(queries.uncount_attempt(buckets))
    return correct, better_hash


async def verify_callers(
    database: Database, passwords: Passwords, caller: Caller, password: str, *, address: str, now: datetime
) -> str | None:
    """Return the hash of the caller's password if this is it; WrongPassword, TooManyAttempts or AccountDeleted."""
    row = await database.run(queries.password_hash(caller.user_id))
    if row is None:
        raise AccountDeleted
    target = Target(str(caller.user_id), row.password_hash, network_of(address), known=True)
    correct, _ = await verify(database, passwords, target, password, now)
    if not correct:
        raise WrongPassword
    return target.password_hash


async def count_registration(database: Database, passwords: Passwords, address: str, now: datetime) -> None:
    """Count that somebody asks for an account, whether they get it or not; TooManyRegistrations.

    An account costs whoever hosts Daybook something, and the answer says which emails have one.
    """
    passwords.require_room()
    bucket = [_bucket("registration", network_of(address).hex())]
    async with database.write.begin() as session:
        before = (await session.execute(queries.failures(bucket, now - WINDOW))).all()
        for _, count, since in before:
            if count >= REGISTRATIONS_PER_NETWORK:
                raise TooManyRegistrations(retry_after=_seconds_until(since + WINDOW, now))
        await session.execute(queries.count_attempt(bucket, now, WINDOW))


def _seconds_until(moment: datetime, now: datetime) -> int:
    return max(1, int((moment - now).total_seconds()))


def _refuse(full_since: list[datetime], now: datetime) -> None:
    if full_since:
        raise TooManyAttempts(retry_after=_seconds_until(max(full_since) + WINDOW, now))


def _bucket(kind: str, what: str) -> bytes:
    return sha256(f"{kind}:{what}".encode()).digest()
