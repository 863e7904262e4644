"""Whether something blocked the event loop: a slow statement may only have waited for a neighbour."""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import perf_counter

INTERVAL = 0.005
"""Seconds between two beats."""
_NOTICEABLE = 0.002
"""Seconds that a beat may come late for ordinary reasons."""
_KEPT = 2000


class Heartbeat:
    """Beats while anybody listens; a beat that comes late tells for how long nothing else could run."""

    def __init__(self) -> None:
        self._listeners = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._blocked: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def start(self) -> None:
        """Listen."""
        self._listeners += 1
        if self._timer is None:
            self._schedule(asyncio.get_running_loop())

    def stop(self, started: float, ended: float) -> Sequence[tuple[float, float]]:
        """Listen no longer, and return the times between these two in which the loop was blocked.

        The times are of `time.perf_counter`. The beat ends by itself when nobody listens.
        """
        self._listeners -= 1
        late = self._timer is not None and ended - self._due > _NOTICEABLE
        if not late and not (self._blocked and self._blocked[-1][1] > started):
            return ()
        found = [(self._due, ended)] if late else []
        for begin, end in reversed(self._blocked):
            if end <= started:
                break
            found.append((begin, end))
        within = [(max(begin, started), min(end, ended)) for begin, end in found]
        return [(begin, end) for begin, end in within if end > begin]

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = perf_counter() + INTERVAL
        self._timer = loop.call_later(INTERVAL, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = perf_counter()
        if now - self._due > _NOTICEABLE:
            self._blocked.append((self._due, now))
        self._timer = None
        if self._listeners:
            self._schedule(loop)
