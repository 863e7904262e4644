"""Removes each owner filter and each guard in turn, and says which of them no test would miss.

`make mutants`, or `make mutants ONLY=library` for those whose name contains it (ONLY=revoke,voted: one of these).
Nothing is changed in this checkout: each process works on a copy, with a database server of its own. It fails when a
mutant survives that `scripts/mutants.toml` does not list with the reason why removing it changes nothing, or when that
list names a mutant that does not exist. What is listed is not run, unless LISTED=1 asks whether it survives still.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from daybook.database.embedded import leave_embedded, start_embedded

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "daybook"
LISTED = ROOT / "scripts" / "mutants.toml"
OWNERS = {"user_id", "USER_ID", "OWNER", "CALLER_ID", "caller_id", "author"}
"""Names of the parameter that says whose rows a statement is about."""
UNCHANGED = "unchanged:"
DEADLINE = 900
"""Seconds for the tests of one mutant; one that makes them hang is noticed."""

# What should notice: the tests of the file's package, the longest path first, and the routes of the access matrix.
TESTS = {
    "accounts/openid": ["tests/accounts/openid"],
    "accounts/idempotency": ["tests/diary/test_repeated_requests.py"],
    "accounts": ["tests/accounts", "--ignore=tests/accounts/openid/test_keys.py"],
    "community": ["tests/community"],
    "diary": ["tests/diary", "--ignore=tests/diary/analyzers", "--ignore=tests/diary/photos"],
    "library/imports": ["tests/library/imports"],
    "library": ["tests/library/test_contents.py", "tests/library/test_search.py", "tests/library/imports"],
    "tags": ["tests/tags"],
}
ROUTES = {
    "accounts": "/api/users",
    "community": "/api/articles or /api/comments",
    "diary": "/api/log or /api/analyses or /api/photos or /api/analyze",
    "library": "/api/contents or /api/imports",
    "tags": "/api/tags",
}


@dataclass(frozen=True)
class Mutant:
    """One filter or guard, and the file's text without it."""

    name: str
    """File, function and code; then a number, if that is not the only such code there."""
    file: Path
    text: str

    def tests(self) -> list[str]:
        """Return what pytest is to run: the matrix first, for it is the quickest to notice."""
        path = self.file.relative_to(SOURCE).as_posix()
        feature = path.partition("/")[0]
        own = next(tests for start, tests in TESTS.items() if path.startswith(start))
        return ["tests/test_access.py", *own, "-k", f"not test_access.py or {ROUTES[feature]} or reader"]


# --- finding them


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Yield the mutants of a file, in the order of its lines."""
    text = file.read_text()
    tree = ast.parse(text)
    names: Counter[str] = Counter()
    for function, node, replacement in _changes(tree, in_accounts=file.is_relative_to(SOURCE / "accounts")):
        code = " ".join(ast.unparse(node).split())
        name = f"{file.relative_to(SOURCE).as_posix()} {function}: {code[:100]}"
        names[name] += 1
        if names[name] > 1:
            name += f" #{names[name]}"
        yield Mutant(name, file, _replaced(text, node, replacement))


def _changes(tree: ast.AST, *, in_accounts: bool) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    """Yield what to replace: the function it is in, the node, and the code in its place."""
    for function, node in _walk(tree, "-"):
        match node:
            case ast.Compare(ops=[ast.Eq()]) if _names_owner(node):
                # Always true, and the parameter stays: without it the statement would be refused before it runs.
                yield function, node, f"({ast.unparse(node)}).is_not(None)"
            case ast.Call(func=ast.Attribute(attr="where")) if in_accounts:
                for criterion in node.args:
                    if not (isinstance(criterion, ast.Compare) and _names_owner(criterion)):
                        yield function, criterion, f"({ast.unparse(criterion)}).is_not(None)"
            case ast.If(body=[ast.Raise()], orelse=[]) if in_accounts or _names_owner(node.test):
                yield function, node.test, f"False and ({ast.unparse(node.test)})"
            case ast.Expr(value=ast.Await() | ast.Call() as call) if _is_guard(call, in_accounts=in_accounts):
                yield function, node, "pass"
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Call) and "bucket" in ast.unparse(key.func):
                        yield function, value, f"({ast.unparse(value)}) * 1_000_000"


def _walk(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node with the name of the function, or of the constant, that it is in."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inside = child.name
            case ast.Assign(targets=[ast.Name(id=name), *_]) | ast.AnnAssign(target=ast.Name(id=name)) if (
                function == "-"
            ):
                inside = name
            case _:
                inside = function
        yield inside, child
        yield from _walk(child, inside)


def _names_owner(node: ast.AST) -> bool:
    """Return whether a comparison is with the caller, or with the parameter that names them."""
    if not isinstance(node, ast.Compare):
        return False
    left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
    owned = left.rpartition(".")[2] in {"user_id", "id"} or left.startswith("Content.user_id")
    names = {part.id for part in ast.walk(node.comparators[0]) if isinstance(part, ast.Name)}
    constants = {part.value for part in ast.walk(node.comparators[0]) if isinstance(part, ast.Constant)}
    return owned and (right.endswith("caller.user_id") or bool(OWNERS & (names | constants)) or left == "user_id")


def _is_guard(call: ast.expr, *, in_accounts: bool) -> bool:
    """Return whether a call's only purpose is to refuse, to revoke or to take time."""
    called = call.value if isinstance(call, ast.Await) else call
    if not isinstance(called, ast.Call):
        return False
    name = ast.unparse(called.func).rpartition(".")[2]
    if name.startswith(("require_", "_require", "_check", "check_")):
        return True
    return in_accounts and isinstance(call, ast.Await) and name not in {"flush", "refresh", "aclose"}


def _replaced(text: str, node: ast.expr | ast.stmt, replacement: str) -> str:
    lines = text.encode().splitlines(keepends=True)
    assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: S101, PT018 - from a parsed file
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    data = text.encode()
    return (data[:start] + replacement.encode() + data[end:]).decode()


# --- running the tests on them


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout, and the database server for its tests."""

    directory: Path
    database: str

    def verdict(self, mutant: Mutant) -> tuple[str, str]:
        """Return whether the mutant was killed or survived, and the end of what pytest printed."""
        file = self.directory / mutant.file.relative_to(ROOT)
        original = file.read_text()
        file.write_text(mutant.text)
        try:
            return self._test(mutant.tests())
        finally:
            file.write_text(original)

    def _test(self, tests: list[str]) -> tuple[str, str]:
        environment = os.environ | {"PYTHONPATH": str(self.directory / "src"), "TEST_DATABASE_URL": self.database}
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        run = subprocess.Popen(
            command, cwd=self.directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            output, _ = run.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            run.kill()
            return "killed", f"not done after {DEADLINE} seconds"
        return "killed" if run.returncode else "survived", output[-2000:]


def _copies(count: int, directory: Path) -> Iterator[Copy]:
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for number in range(count):
        copy = directory / str(number)
        for name in files:
            if (ROOT / name).is_file():
                target = copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Copy(copy, start_embedded(directory / f"data{number}").replace("+asyncpg", ""))


def main() -> int:
    """Run the mutants and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose name contains one of these, comma-separated")
    parser.add_argument("--listed", action="store_true", help="run what is listed as well")
    parser.add_argument("--processes", type=int, default=2, help="how many at a time")
    parser.add_argument("--names", action="store_true", help="print their names and run nothing")
    options = parser.parse_args()
    files = sorted(file for feature in ROUTES for file in (SOURCE / feature).rglob("*.py"))
    every = [mutant for file in files for mutant in mutants_of(file)]
    listed: dict[str, str] = tomllib.loads(LISTED.read_text())
    unknown = listed.keys() - {mutant.name for mutant in every}
    chosen = [mutant for mutant in every if any(part in mutant.name for part in options.only.split(","))]
    waiting = [mutant for mutant in chosen if options.listed or mutant.name not in listed]
    if options.names:
        print("\n".join(mutant.name for mutant in chosen))
        return 0
    verdicts = _run(_unchanged(waiting) + waiting, options.processes)
    if failing := [name for name in verdicts if name.startswith(UNCHANGED) and verdicts[name] != "survived"]:
        print("these fail without any mutant, so they say nothing: " + ", ".join(failing))
        return 1
    survived = [mutant.name for mutant in waiting if verdicts[mutant.name] != "killed" and mutant.name not in listed]
    killed = sum(verdicts[mutant.name] == "killed" for mutant in waiting)
    print(
        f"\n{len(chosen)} mutants: {killed} killed, "
        f"{sum(mutant.name in listed for mutant in chosen)} listed, {len(survived)} survived"
    )
    for name in survived:
        print(f"  survived: {name}")
    for name in sorted(unknown):
        print(f"  listed, but there is no such mutant: {name}")
    return 1 if survived or unknown else 0


def _unchanged(mutants: list[Mutant]) -> list[Mutant]:
    """Return a mutant that changes nothing for each set of tests: if they fail on it, they would on any."""
    sets = {tuple(mutant.tests()): mutant for mutant in mutants}.values()
    return [
        Mutant(f"{UNCHANGED} {' '.join(mutant.tests()[1:-2])}", mutant.file, mutant.file.read_text()) for mutant in sets
    ]


def _run(mutants: list[Mutant], processes: int) -> dict[str, str]:
    verdicts: dict[str, str] = {}
    free: SimpleQueue[Copy] = SimpleQueue()

    def run(mutant: Mutant) -> None:
        copy, began = free.get(), time.monotonic()
        try:
            verdicts[mutant.name], output = copy.verdict(mutant)
        finally:
            free.put(copy)
        print(f"{verdicts[mutant.name]:9} {time.monotonic() - began:4.0f} s  {mutant.name}", flush=True)
        if mutant.name.startswith(UNCHANGED) and verdicts[mutant.name] == "killed":
            print(output, flush=True)

    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        try:
            for copy in _copies(processes, Path(directory)):
                free.put(copy)
            with ThreadPoolExecutor(processes) as pool:
                list(pool.map(run, mutants))
        finally:
            for number in range(processes):
                leave_embedded(Path(directory) / f"data{number}")
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
