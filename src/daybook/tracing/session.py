"""The session of debug mode: how long the ORM itself took, why it ran a statement, what it made of the rows."""

import logging
from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from time import perf_counter
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.orm import ORMExecuteState, RelationshipProperty, Session

from daybook.tracing.records import Load, OrmSpan
from daybook.tracing.trace import current_span, current_trace, locate

_class_of = attrgetter("class_")
logger = logging.getLogger("daybook.tracing")


class TracedSession(Session):
    """SQLAlchemy's own session, timed. A driver's time alone hides what hydrating a joined cascade costs."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """As of Session."""
        return _timed(self, super().execute, args, kwargs)

    def scalars(self, *args: Any, **kwargs: Any) -> Any:
        """As of Session."""
        return _timed(self, super().scalars, args, kwargs)

    def scalar(self, *args: Any, **kwargs: Any) -> Any:
        """As of Session."""
        return _timed(self, super().scalar, args, kwargs)

    def flush(self, *args: Any, **kwargs: Any) -> None:
        """As of Session."""
        _timed(self, super().flush, args, kwargs)


def _timed(session: Session, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    outer = current_span.get()
    span = OrmSpan(perf_counter(), outer)
    token = current_span.set(span)
    known = len(session.identity_map)
    try:
        return run(*args, **kwargs)
    except MissingGreenlet:
        if span.load is not None:
            _report_missing_greenlet(span.load)
        raise
    finally:
        current_span.reset(token)
        span.ended = perf_counter()
        if outer is None and len(session.identity_map) > known:
            # What is new stands at the end of the map. An event for each object would cost more than all else here.
            span.objects = Counter(map(_class_of, session.identity_map.all_states()[known:]))
        if outer is not None:
            outer.inner += span.ended - span.started
        if span.hold is not None:
            span.hold.orm += span.seconds
        if trace := current_trace.get():
            trace.orm += span.seconds


def _report_missing_greenlet(load: Load) -> None:
    trace = current_trace.get()
    site = locate(trace, current_span.get()).site
    if trace is not None:
        trace.failures = (*trace.failures, ("MissingGreenlet", load, site))
    else:
        logger.error("MissingGreenlet: %s lazily loaded at %s", load.attribute, site or "an unknown line")


@event.listens_for(TracedSession, "do_orm_execute")
def _note_why(state: ORMExecuteState) -> None:
    span = current_span.get()
    if span is None or not state.is_select or not state.is_orm_statement:
        return
    if state.is_column_load:
        span.load = _column_load(state)
    elif state.is_relationship_load:
        span.load = _relationship_load(state)


def _relationship_load(state: ORMExecuteState) -> Load | None:
    path = state.loader_strategy_path
    steps = [step for step in path.path if isinstance(step, RelationshipProperty)] if path is not None else []
    if not steps:
        return None
    parent = state.lazy_loaded_from
    if parent is None:
        return Load("eager", str(steps[-1]), 0, bool(steps[-1].uselist), steps[-1])
    return Load("lazy", str(steps[-1]), hash(parent.key or id(parent)), bool(steps[-1].uselist))


def _column_load(state: ORMExecuteState) -> Load | None:
    # Which object and which of its columns is told by private names only; a test pins them.
    refreshed = getattr(state.load_options, "_refresh_state", None)
    columns = getattr(getattr(state.statement, "_compile_options", None), "_only_load_props", None)
    if refreshed is None:
        return None
    name = refreshed.class_.__name__
    attribute = ", ".join(f"{name}.{column}" for column in sorted(columns)) if columns else name
    return Load("column", attribute, hash(refreshed.key or id(refreshed)))
