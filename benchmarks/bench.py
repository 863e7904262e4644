"""How fast each way of serving the same pages is: `make bench`, or `python -m benchmarks.bench [depth | soak]`.

PAGES=today,one measures these pages only; BENCH_ROUNDS and BENCH_SECONDS say how often and how long.
BENCH_PYTHON names another interpreter for the contenders. docs/benchmarks.md says how to read the table.
"""

import contextlib
import os
import sys
from collections.abc import Sequence

import uvloop
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from benchmarks import depth, node, soak
from benchmarks.contenders import NAMES
from benchmarks.load import Call, load
from benchmarks.pages import COUNTS, LINKS, PAGES, Pages, serves
from benchmarks.report import Figures, medians, save, table
from benchmarks.rows import NEWCOMER, Rows, fill
from benchmarks.servers import (
    OTHER_CORE,
    Contender,
    PostgreSQL,
    Signer,
    database_server,
    find_postgresql,
    keep_to,
    new_database,
    serving,
)

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
WARM_UP = 0.4


async def measure(contender: Contender, call: Call, postgresql: PostgreSQL) -> Figures:
    """Return what one round of load shows."""
    await load(contender.port, call, WARM_UP)
    app, pg = contender.cpu(), postgresql.cpu()
    outcome = await load(contender.port, call, SECONDS)
    answers = len(outcome.seconds)
    used = sum(seconds - pg.get(pid, 0) for pid, seconds in postgresql.cpu().items())
    return Figures(
        rps=outcome.rps,
        p50_ms=outcome.milliseconds(0.50),
        p99_ms=outcome.milliseconds(0.99),
        app_cpu_ms=(contender.cpu() - app) / answers * 1000,
        pg_cpu_ms=used / answers * 1000 if postgresql.postmaster else None,
        rss_mb=contender.rss(),
    )


async def compare(server: str, pages: Sequence[str]) -> None:
    """Check that all serve the same, measure them in turn, round after round, and print and save the medians."""
    signer = Signer()
    has_node = node.install()
    names = [name for name in NAMES if has_node or name not in node.WAYS]
    if not has_node:
        print("There is no Node: its contenders are left out.")
    async with new_database(server, "daybook_bench") as url, contextlib.AsyncExitStack() as stack:
        rows = await fill(url, COUNTS, links=LINKS)
        contenders = [await stack.enter_async_context(serving(name, url, signer)) for name in names]
        calls = Pages(rows, signer)
        await calls.check(contenders, pages)
        print(f"All contenders give equal JSON on {', '.join(pages)}.", flush=True)
        postgresql = await find_postgresql(server)
        rounds: dict[tuple[str, str], list[Figures]] = {}
        ended: set[str] = set()
        """Contenders whose process is gone: sync's has been seen to die of a segmentation fault in libpython."""
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            for page in pages:
                for contender in contenders:
                    if not serves(contender.name, page) or contender.name in ended:
                        continue
                    try:
                        figures = await measure(contender, calls.call(page, contender.name), postgresql)
                    except ConnectionError:
                        ended.add(contender.name)
                        print(f"{contender.name} ended by itself on {page} and is left out from here on", flush=True)
                    else:
                        rounds.setdefault((page, contender.name), []).append(figures)
        results = {
            page: {name: medians(rounds[page, name]) for name in names if (page, name) in rounds} for page in pages
        }
        print(f"\n{table(results)}\n")
        if "today" in pages:
            print(await dragged_in(url, signer, rows))
        if tuple(pages) == PAGES:
            written = save(results)
            print(f"written: {', '.join(path.name for path in written)}")


async def dragged_in(database_url: str, signer: Signer, rows: Rows) -> str:
    """Return a sentence on the rows and bytes that joined's page of today takes out of the database."""
    os.environ |= {"DATABASE_URL": database_url, "DAYBOOK_SECRET_KEY": signer.key}
    from benchmarks.contenders.joined import logs_of_today  # noqa: PLC0415 - it reads the environment

    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        # On a connection, not in a session, the statement is the same but its rows are what they are.
        read = (await connection.execute(logs_of_today(rows.user_ids[NEWCOMER]))).all()
    await engine.dispose()
    size = sum(len(str(value).encode()) for row in read for value in row if value is not None)
    return (
        f"joined reads {len(read):,} rows of {len(read[0])} columns, {size / 1e6:.2f} MB as text, to show 4 meals "
        "of somebody who has 20 exercises and 3 ways to sign in"
    )


def main() -> None:
    """Do what the command line asks for."""
    keep_to(OTHER_CORE)
    pages = tuple(os.environ.get("PAGES", ",".join(PAGES)).split(","))
    if unknown := set(pages) - set(PAGES):
        sys.exit(f"There is no page {', '.join(sorted(unknown))}; the pages are {', '.join(PAGES)}.")
    with database_server() as server:
        match sys.argv[1:]:
            case []:
                uvloop.run(compare(server, pages))
            case ["depth"]:
                uvloop.run(depth.measure(server))
            case ["soak"]:
                uvloop.run(soak.measure(server))
            case _:
                sys.exit("python -m benchmarks.bench [depth | soak]")


if __name__ == "__main__":
    main()
