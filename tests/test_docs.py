"""The docs hold together: what is there is listed, what is linked to is there, and pictures show what is."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks import tables
from scripts.floors import PICTURE, picture

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
INDEX = (DOCS / "README.md").read_text()

KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""Of changes, as Keep a Changelog names them."""
HEADER = re.compile(r"# (\d+)\. (.+)\n\n- Status: (.+)\n- Date: (\d{4}-\d\d-\d\d)\n\n")
STATUS = re.compile(r"proposed|accepted|(accepted, )?(in part )?superseded by \d+( and \d+)*")


def test_the_floors_are_drawn_as_the_contracts_say() -> None:
    assert PICTURE.read_text() == picture(), "make floors draws them again"


@pytest.mark.parametrize("document", tables.DOCUMENTS, ids=lambda document: document.name)
def test_figures_are_those_of_the_results(document: Path) -> None:
    shown = dict(tables.TABLE.findall(document.read_text()))
    results = {path.stem: path for path in (ROOT / "benchmarks").glob("results-*.json")}
    assert shown == {name: tables.table(results[name]) if name in results else "" for name in shown}
    assert shown


def links(page: Path) -> Iterator[str]:
    """The addresses that a page links to, outside of its examples."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    yield from re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_linked_to_is_there(page: Path) -> None:
    for link in links(page):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "architecture.md"], ids=lambda page: page.name)
def test_what_is_quoted_of_the_source_stands_there(page: Path) -> None:
    quotes = re.findall(r"<!-- (src/\S+) -->\n *```(?:python)?\n(.*?)\n *```", page.read_text(), re.DOTALL)
    assert len(quotes) >= 2
    for path, quote in quotes:
        assert quote in (ROOT / path).read_text(), f"{path} no longer holds what {page.name} quotes: {quote}"


def test_every_page_is_in_the_index() -> None:
    listed = {(DOCS / link).resolve() for link in links(DOCS / "README.md")}
    assert {page for page in PAGES if page != DOCS / "README.md"} <= listed


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.stem)
def test_a_decision_says_its_status_and_date_and_the_index_repeats_them(decision: Path) -> None:
    header = HEADER.match(decision.read_text())
    assert header is not None, "a title with a number, a status and a date"
    number, title, status, day = header.groups()
    assert decision.name.startswith(f"{int(number):04}-")
    assert STATUS.fullmatch(status)
    date.fromisoformat(day)
    assert f"| {number} | [{title}](decisions/{decision.name}) | {status} | {day} |\n" in INDEX


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(decision.name[:4]) for decision in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_changelog_has_the_unreleased_on_top_and_then_versions_from_the_newest_on() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert changelog.startswith("# Changelog\n")
    first, *releases = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert first == "Unreleased"
    parsed = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)", release) for release in releases]
    keys = [(date.fromisoformat(one[4]), *map(int, one.groups()[:3])) for one in parsed if one is not None]
    assert len(keys) == len(releases) >= 1
    assert all(newer > older for newer, older in pairwise(keys))
    assert set(re.findall(r"^### (.+)$", changelog, re.MULTILINE)) <= KINDS
