"""Which line of the application ran a statement: found on the stack, across SQLAlchemy's greenlets."""

import asyncio
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType

import greenlet  # type: ignore[import-untyped]  # ships no types

_HERE = str(Path(__file__).parent)
_STANDARD_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")
# Above these functions of FastAPI is what every request passes alike, and never what tells one call from another.
_ENTRANCES = frozenset({"run_endpoint_function", "solve_dependencies"})
# And below these is what started the process.
_BOTTOM = (asyncio.Handle._run.__code__, asyncio.Runner.run.__code__)  # noqa: SLF001 - where every task hangs


@dataclass(frozen=True, slots=True)
class Site:
    """A line of the application, its file as short as imports name it."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}"


@dataclass(frozen=True, slots=True)
class Call:
    """Where a statement came from: the nearest application line, and a hash of all application lines on the stack."""

    site: Site | None
    stack: int


class CallSites:
    """Finds application lines, and keeps what it learnt of each file and line.

    A frame belongs to a library when its file is installed, of the standard library, generated, of this package,
    or under one of the directories `infrastructure`, whose code runs statements on behalf of its callers.
    """

    def __init__(self, infrastructure: Sequence[Path] = ()) -> None:
        self._library = (_HERE, *(str(path) for path in infrastructure))
        # By id, since a code object's own hash reads all of its content; the object beside it keeps the id taken.
        self._codes: dict[int, tuple[bool | None, CodeType]] = {id(code): (None, code) for code in _BOTTOM}
        self._sites: dict[tuple[int, int], Site] = {}

    def find(self) -> Call:
        """Return where the running code was called from, up to its task's own start."""
        # Run for every statement, over some thirty frames: hence one loop, and nothing made that is not needed.
        codes = self._codes
        site: Site | None = None
        stack: list[int] = []
        running: greenlet.greenlet | None = greenlet.getcurrent()
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to a frame that costs nothing
        while running is not None:
            while frame is not None:
                code = frame.f_code
                key = id(code)
                application = codes[key][0] if key in codes else self._learn(key, code)
                if application:
                    stack += (key, frame.f_lasti)
                    if site is None:
                        site = self._site(key, frame)
                elif application is None:
                    return Call(site, hash(tuple(stack)))
                frame = frame.f_back
            # A greenlet's outermost frame leads nowhere; what it was started by goes on in its parent.
            running = running.parent
            frame = running.gr_frame if running is not None else None
        return Call(site, hash(tuple(stack)))

    def _learn(self, key: int, code: CodeType) -> bool | None:
        entrance = code.co_name in _ENTRANCES and Path(code.co_filename).parent.name in {"fastapi", "dependencies"}
        application = None if entrance else self._is_application(code.co_filename)
        self._codes[key] = (application, code)
        return application

    def _is_application(self, filename: str) -> bool:
        if filename.startswith("<") or any(name in Path(filename).parts for name in _INSTALLED):
            return False
        return not any(Path(filename).is_relative_to(path) for path in (*_STANDARD_LIBRARY, *self._library))

    def _site(self, key: int, frame: FrameType) -> Site:
        site = self._sites.get((key, frame.f_lasti))
        if site is None:
            code = frame.f_code
            site = self._sites[key, frame.f_lasti] = Site(_short(code.co_filename), frame.f_lineno, code.co_name)
        return site


def _short(filename: str) -> str:
    """The file's path below the deepest directory that modules are imported from."""
    path = Path(filename)
    roots = [root for root in map(Path, sys.path) if root.is_absolute() and path.is_relative_to(root)]
    return str(path.relative_to(max(roots, key=lambda root: len(root.parts)))) if roots else path.name


DEFAULT = CallSites()
"""For what happens outside any trace."""
