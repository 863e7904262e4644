"""Passwords, hashed with argon2 on threads of their own, two at a time."""

import functools
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

Result = TypeVar("Result")


class Passwords:
    """Hashes and checks passwords without blocking the event loop.

    The cost is OWASP's second choice for argon2id (19 MiB, two passes, one lane): some 50 ms. More than two at
    once would only take turns on the cores that everything else needs as well.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
        self._limiter = anyio.CapacityLimiter(2)

    @functools.cached_property
    def _nobodys_hash(self) -> str:
        return self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return the password's hash, with a salt of its own."""
        return await self._on_thread(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Return whether the password is the hash's, and a new hash where the old one's cost is out of date.

        Without a hash (no such account, or one without a password) it takes as long, and is False: the time
        must not tell who has an account.
        """
        if password_hash is None:
            await self._on_thread(lambda: self._hasher.verify(password, self._nobodys_hash))
            return False, None
        return await self._on_thread(lambda: self._hasher.verify_and_update(password, password_hash))

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)
