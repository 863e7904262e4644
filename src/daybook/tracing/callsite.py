"""Which line of the application ran a statement: found on the stack, across SQLAlchemy's greenlets."""

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
# What every request passes alike, and what started the process, never tells one call from another: where the stack
# reaches one of these functions of a library, it ends.
_ENDS = {
    "fastapi/routing.py": frozenset({"run_endpoint_function"}),
    "fastapi/dependencies/utils.py": frozenset({"solve_dependencies"}),
    "asyncio/events.py": frozenset({"_run"}),
    "asyncio/runners.py": frozenset({"run"}),
}
_APPLICATION = frozenset({"<application>"})
_MOST_CALLS = 5_000


@dataclass(frozen=True, slots=True)
class Site:
    """A line of the application, its file as short as imports name it."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}"


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Where a statement came from: one object for all that have the same application lines on the stack.

    `site` is the nearest of these lines.
    """

    site: Site | None


class CallSites:
    """Finds application lines, and keeps what it learnt of each file and line.

    A frame belongs to a library when its file is installed, of the standard library, generated, of this package,
    or under one of the directories `infrastructure`, whose code runs statements on behalf of its callers.
    """

    def __init__(self, infrastructure: Sequence[Path] = ()) -> None:
        self._library = (_HERE, *(str(path) for path in infrastructure))
        # By file: _APPLICATION; or, of a library's, the functions at which the stack ends, if it has any.
        self._files: dict[str, frozenset[str] | None] = {}
        self._calls: dict[tuple[str | int, ...], Call] = {}

    def find(self, entrance: CodeType | None = None, *, within: FrameType | None = None) -> Call:
        """Return where the code that runs `within` a frame (the caller's, if none is given) was called from.

        `entrance` is the function at which the application begins, where it is known; else all is passed up to the
        task's own start.
        """
        # Run for every statement, over some ten to thirty frames: hence one loop that calls nothing.
        files = self._files
        stack: list[str | int] = []
        innermost: FrameType | None = None
        running: greenlet.greenlet | None = None
        frame = within or sys._getframe(1)  # noqa: SLF001 - the one way to a frame that costs nothing
        while True:
            code = frame.f_code
            try:
                kind = files[code.co_filename]
            except KeyError:
                kind = files[code.co_filename] = self._kind(code.co_filename)
            if kind:
                if kind is _APPLICATION:
                    stack += (code.co_filename, code.co_firstlineno, frame.f_lasti)
                    innermost = innermost or frame
                    if code is entrance:
                        break
                elif code.co_name in kind:
                    break
            outer = frame.f_back
            if outer is None:
                # A greenlet's outermost frame leads nowhere; what it was started by goes on in its parent.
                running = (greenlet.getcurrent() if running is None else running).parent
                outer = running.gr_frame if running is not None else None
                if outer is None:
                    break
            frame = outer
        key = tuple(stack)
        try:
            return self._calls[key]
        except KeyError:
            if len(self._calls) >= _MOST_CALLS:
                self._calls.clear()  # a recursion, say, that is as deep as its data
            call = self._calls[key] = Call(_site(innermost) if innermost is not None else None)
            return call

    def _kind(self, filename: str) -> frozenset[str] | None:
        path = Path(filename)
        if not self._is_library(path):
            return _APPLICATION
        return next((ends for file, ends in _ENDS.items() if path.as_posix().endswith(f"/{file}")), None)

    def _is_library(self, path: Path) -> bool:
        if str(path).startswith("<") or any(name in path.parts for name in _INSTALLED):
            return True
        return any(path.is_relative_to(library) for library in (*_STANDARD_LIBRARY, *self._library))


def _site(frame: FrameType) -> Site:
    # A comprehension is named for the function that it stands in.
    names = [name for name in frame.f_code.co_qualname.split(".") if not name.startswith("<")]
    return Site(_short(frame.f_code.co_filename), frame.f_lineno, names[-1] if names else frame.f_code.co_name)


def _short(filename: str) -> str:
    """The file's path below the deepest directory that modules are imported from."""
    path = Path(filename)
    roots = [root for root in map(Path, sys.path) if root.is_absolute() and path.is_relative_to(root)]
    return str(path.relative_to(max(roots, key=lambda root: len(root.parts)))) if roots else path.name


DEFAULT = CallSites()
"""For what happens outside any trace."""
