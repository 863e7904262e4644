"""What is wrong with a request, told from its trace: each finding names the line and the way out."""

from collections import Counter
from collections.abc import Iterator

from daybook.tracing.records import Finding, Group, Hold, Load
from daybook.tracing.trace import Trace

LEAST_REPEATS = 3
"""As many runs of one statement from one place are a loop, when no attribute's load explains them."""
LEAST_LAZY = 2
PAGE_OF_ROWS = 50
"""Runs that bring as many rows on average are pages of a large whole, not one row each."""


def find(trace: Trace) -> list[Finding]:
    """Return what is wrong with a request so far; the silenced are among it, and say so."""
    found: list[Finding | None] = [*_failures(trace)] if trace.failures else []
    if trace.count > 1 or trace.cascades:  # else there is nothing to compare
        for group in trace.groups().found:
            if group.first.shape.cascade is not None:
                found.append(_joined_cascade(group))
            if group.count > 1:
                found += (_loop(group), _duplicate(group))
    if trace.idle_holds:
        found += (_held(hold, trace) for hold in trace.idle_holds)
    if trace.budget is not None and trace.count > trace.budget:
        found.append(_over_budget(trace.count, trace.budget))
    return [finding for finding in found if finding is not None] if found else []


def _failures(trace: Trace) -> Iterator[Finding]:
    for (name, load, site), count in Counter(trace.failures).items():
        yield Finding(name, f"{load.attribute} lazily loaded", _load_fix(load), site, count=count, error=True)


def _about(group: Group, kind: str, message: str, fix: str, count: int) -> Finding:
    first = group.first
    return Finding(kind, message, fix, first.call.site, first.number, count, silence=first.silence)


def _joined_cascade(group: Group) -> Finding | None:
    cascade = group.first.shape.cascade
    if cascade is None or group.rows == 0:
        return None
    statements = "1 statement" if group.count == 1 else f"{group.count} statements"
    joins = "1 join" if len(cascade.paths) == 1 else f"{len(cascade.paths)} joins"
    size = f"{group.rows} rows x {group.first.columns} columns"
    made: Counter[type] = Counter()
    for span in group.spans:
        made.update(span.objects or {})
    objects = " -> " + " ".join(f"{one.__name__} {count}" for one, count in made.most_common()) if made else ""
    message = f"{statements}, {joins} from the mapping ({', '.join(cascade.paths)}), {size}{objects}"
    return _about(group, "joined-cascade", message, cascade.fix, group.count)


def _loop(group: Group) -> Finding | None:
    load = group.first.span.load if group.first.span else None
    if load is None:
        if not _is_loop(group):
            return None
        name, fix = group.first.shape.name, _loop_fix(group)
    else:
        if load.kind == "eager" or len(group.parents) < LEAST_LAZY:
            return None
        name, fix = load.attribute, _load_fix(load)
    return _about(group, "n+1", f"{name} x{group.count}", fix, group.count)


def _is_loop(group: Group) -> bool:
    return (
        group.most_distinct >= LEAST_REPEATS and not group.first.shape.batch and group.rows < group.count * PAGE_OF_ROWS
    )


def _duplicate(group: Group) -> Finding | None:
    if not group.repeats or group.first.shape.writes:
        return None
    times = group.repeats + 1
    message = f"{group.first.shape.name} x{times} with the same parameters"
    return _about(group, "duplicate", message, "keep the first answer", times)


def _load_fix(load: Load) -> str:
    if load.kind == "column":
        return f"load {load.attribute} with the statement (no defer(), no expiry before it is read)"
    return f"{'selectinload' if load.to_many else 'joinedload'}({load.attribute})"


def _loop_fix(group: Group) -> str:
    if group.first.shape.writes:
        return "one execute() with a list of parameters"
    return "one statement for all of them: WHERE ... IN, or a join"


def _held(hold: Hold, trace: Trace) -> Finding:
    ended = hold.started + hold.seconds
    # A neighbour may have blocked the loop, or the holder itself: the line tells which, the times alone do not.
    blocked = sum(max(0.0, min(end, ended) - max(begin, hold.started)) for begin, end in trace.blocked)
    noticeable = f", {blocked * 1000:.0f} ms while the loop was blocked" if blocked > hold.seconds / 10 else ""
    return Finding(
        "held",
        f"a connection was held for {hold.seconds * 1000:.0f} ms, {hold.sql * 1000:.0f} ms of it in SQL{noticeable}",
        "end the session before waiting for anything that is not the database",
        hold.site,
    )


def _over_budget(count: int, budget: int) -> Finding:
    return Finding("over-budget", f"{count} statements where {budget} are declared", "see them below")
