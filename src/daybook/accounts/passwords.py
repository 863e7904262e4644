"""Passwords, hashed with Argon2 on threads, two at a time."""

import functools
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from daybook.errors import Unavailable

Result = TypeVar("Result")

MOST_AT_ONCE = 40
"""How many may be hashed or wait for it: about a second's work."""


class Passwords:
    """Hashes and checks passwords without blocking the event loop.

    The cost is OWASP's second choice for Argon2id (19 MiB, two passes, one lane): about 50 ms. More than two at a time
    would only compete for the cores that everything else needs as well.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
        self._limiter = anyio.CapacityLimiter(2)
        self._asked = 0

    @functools.cached_property
    def _nobodys_hash(self) -> str:
        return self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return a salted hash of the password."""
        return await self._on_thread(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Return whether the password matches the hash, and a new hash if the cost of this one is out of date.

        Without a hash (no such account, or one without a password) it takes just as long and returns False: the time
        must not reveal who has an account.
        """
        if password_hash is None:
            await self._on_thread(lambda: self._hasher.verify(password, self._nobodys_hash))
            return False, None
        return await self._on_thread(lambda: self._hasher.verify_and_update(password, password_hash))

    def require_room(self) -> None:
        """Raise Unavailable when so many wait that another one would wait for longer than it is worth."""
        if self._asked >= MOST_AT_ONCE:
            raise Unavailable("Too many are signing in at the moment; try again shortly.", retry_after=1)

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        self.require_room()
        self._asked += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._asked -= 1
