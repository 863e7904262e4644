"""How passwords are checked."""

import time

from daybook.accounts.passwords import Passwords


async def test_nobodys_password_takes_as_long_as_a_persons() -> None:
    """The time must not say who has an account: without the hash that stands in for nobody's, it would be none."""
    passwords = Passwords()
    somebodys = await passwords.hash("correct horse battery")
    assert await passwords.verify("a guess", None) == (False, None)  # which makes nobody's hash, once

    async def seconds(password_hash: str | None) -> float:
        """The least of some attempts: what else this machine does only adds to it."""
        took = []
        for _ in range(4):
            began = time.process_time()
            assert (await passwords.verify("a guess", password_hash))[0] is False
            took.append(time.process_time() - began)
        return min(took)

    assert await seconds(None) > await seconds(somebodys) / 2
