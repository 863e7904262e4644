"""What was measured, as a table, as a file of results for each version of Python, and as a chart."""

import datetime as dt
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.chart import chart
from benchmarks.servers import PYTHON, ROOT, machine, python_version, save_json

CHART = ROOT / "docs" / "images" / "benchmarks.svg"
COLUMNS = "{:10} {:9} {:>11} {:>8} {:>8} {:>13} {:>12} {:>8}"


@dataclass(frozen=True)
class Figures:
    """Of one contender on one page, in one round or as medians of all."""

    rps: float
    """Answers a second."""
    p50_ms: float
    p99_ms: float
    app_cpu_ms: float
    """Processor time of the contender's process for a request."""
    pg_cpu_ms: float | None
    """That of PostgreSQL; None when it runs on another machine."""
    rss_mb: float
    """The most resident memory seen, in 10^6 bytes."""


Results = Mapping[str, Mapping[str, Figures]]
"""By page and contender."""


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return the medians of the rounds, and the most memory of any."""
    pg = [figures.pg_cpu_ms for figures in rounds if figures.pg_cpu_ms is not None]
    return Figures(
        rps=round(statistics.median(figures.rps for figures in rounds), 1),
        p50_ms=round(statistics.median(figures.p50_ms for figures in rounds), 2),
        p99_ms=round(statistics.median(figures.p99_ms for figures in rounds), 2),
        app_cpu_ms=round(statistics.median(figures.app_cpu_ms for figures in rounds), 3),
        pg_cpu_ms=round(statistics.median(pg), 3) if pg else None,
        rss_mb=round(max(figures.rss_mb for figures in rounds), 1),
    )


def table(results: Results) -> str:
    """Return the table, with what daybook's requests a second are of each other's below each page."""
    lines = [COLUMNS.format("page", "", "requests/s", "p50 ms", "p99 ms", "app CPU ms", "pg CPU ms", "RSS MB")]
    for page, contenders in results.items():
        lines.append("")
        for name, figures in contenders.items():
            pg = "-" if figures.pg_cpu_ms is None else f"{figures.pg_cpu_ms:.3f}"
            cells = (
                f"{figures.rps:.0f}",
                f"{figures.p50_ms:.2f}",
                f"{figures.p99_ms:.2f}",
                f"{figures.app_cpu_ms:.3f}",
                pg,
            )
            lines.append(COLUMNS.format(page, name, *cells, f"{figures.rss_mb:.0f}"))
        ratios = [
            f"daybook/{name} {contenders['daybook'].rps / contenders[name].rps:.2f}"
            for name in ("raw", "orm", "node", "bare", "node-json")
            if "daybook" in contenders and name in contenders
        ]
        lines.append("           " + "   ".join(ratios))
    return "\n".join(lines)


def save(results: Results) -> list[Path]:
    """Write the results of the contenders' Python, the tables in the docs, and the chart if that Python is ours.

    Returns what was written.
    """
    minor = ".".join(python_version().split(".")[:2])
    path = Path(__file__).parent / f"results-{minor}.json"
    pages = {
        page: {name: asdict(figures) for name, figures in contenders.items()} for page, contenders in results.items()
    }
    date = dt.datetime.now(dt.UTC).date().isoformat()
    save_json(path, {"machine": machine(), "date": date, "pages": pages})
    documents = tables.write()
    if sys.executable != PYTHON:
        return [path, *documents]
    speeds = {page: {name: figures.rps for name, figures in contenders.items()} for page, contenders in results.items()}
    CHART.write_text(chart(speeds, machine=machine(), date=date), encoding="utf-8")
    return [path, *documents, CHART]
