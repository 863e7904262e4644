"""Whether something blocked the event loop: a slow statement may only have waited for a neighbour."""

import asyncio
import time
from collections import deque

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
            self._schedule()

    def stop(self) -> None:
        """Listen no longer; the beat ends by itself when nobody listens."""
        self._listeners -= 1

    def blocked(self, started: float, ended: float) -> list[tuple[float, float]]:
        """Return the times between these two (of `time.perf_counter`) in which the loop was blocked."""
        found = []
        for begin, end in reversed(self._blocked):
            if end <= started:
                break
            found.append((max(begin, started), min(end, ended)))
        if self._timer is not None and ended - self._due > _NOTICEABLE:
            found.append((max(self._due, started), ended))
        return [(begin, end) for begin, end in found if end > begin]

    def _schedule(self) -> None:
        self._due = time.perf_counter() + INTERVAL
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        if now - self._due > _NOTICEABLE:
            self._blocked.append((self._due, now))
        self._timer = None
        if self._listeners:
            self._schedule()
