"""`uimon status`: what the ledger knows, while the service goes on writing."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from scorers import grades
from watcher.alerts.best import ORDER
from watcher.ledger import state_home as statehome
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.ledger.export import stored
from watcher.ledger.ledger import Ledger
from watcher.ledger.outbox import LedgerOutbox
from watcher.ledger.reading import AWAY_KEY
from watcher.ledger.state_dir import StateDir
from watcher.model import JsonObject, Reason, RowKind, Target, UimonError
from watcher.output.printable import printable, printable_document
from watcher.output.terminal import Terminal, write_document
from watcher.results.comparison import best_of, compared_with, criteria
from watcher.results.evidence import warnings_with_samples
from watcher.results.followups import followup_lines
from watcher.settings.durations import format_duration
from watcher.trackers.wandb import RunRef
from watcher.trackers.wandb.proof import Patience

_COPIES_NAMED = 5


def run_status(
    run: str | None,
    state_dir: Path | None,
    *,
    best: bool = False,
    best_by: str | None = None,
    baseline: str | None = None,
    as_json: bool,
) -> int:
    """Print every checkpoint of a run, its early warnings, and what of it is in W&B.

    `best` names the best checkpoint, too, `best_by` does by these criteria; `baseline` (a step, or another run's state
    directory) compares the newest evaluation with it. Raises UimonError where there is no ledger, or nothing to compare
    with.
    """
    state = find_state(run, state_dir)
    ledger = Ledger(state.ledger, read_only=True)
    ledger.require_figures_whole()
    rows, warnings = ledger.status(), warnings_with_samples(ledger)
    best = best or best_by is not None
    chosen = best_of(ledger, criteria(best_by) if best_by is not None else ORDER) if best else None
    compared = None if baseline is None else compared_with(ledger, baseline)
    kept = stored(ledger, state)
    queue = ledger.followups().all()
    away: JsonObject = json.loads(ledger.recall(AWAY_KEY) or "{}")
    if as_json:
        document: dict[str, object] = {
            "checkpoints": with_grades(rows),
            "warnings": [one.to_dict() for one in warnings],
        }
        document |= {"unconfirmed": _unconfirmed(ledger), "stored": asdict(kept)}
        document |= {"engine_away": away} if away else {}
        document |= {"followups": [work.to_dict() for work in queue]} if queue else {}
        document |= {"best": chosen and asdict(chosen)} if best else {}
        document |= {"comparison": compared.to_dict()} if compared else {}
        write_document(document, sys.stdout)
        return 0
    from watcher.report.terminal import (
        checkpoint_table,
        comparison_table,
        document_notes,
        unevaluated_notes,
        warning_notes,
    )

    rows, warnings = printable_document(rows), printable_document(warnings)
    console = Terminal()
    console.print(checkpoint_table(rows))
    for note in (*document_notes(rows), *unevaluated_notes(rows), *warning_notes(warnings)):
        console.print(note)
    if away:
        ago = format_duration(max(0.0, time.time() - away["since"]))
        console.print(
            printable(
                f"The engine has been unavailable for {ago}; uimon keeps the checkpoints that wait. {away['sentence']}"
            )
        )
    for line in followup_lines(queue):
        console.print(printable(line))
    if best:
        sentence = printable(chosen.sentence) if chosen else "nothing is evaluated yet."
        console.print(f"Best: {sentence}", soft_wrap=True)
    if compared:
        console.print(comparison_table(compared))
    for line in (*_outbox_lines(ledger), kept.sentence):
        console.print(printable(line), style="dim")
    console.print(printable(f"Run {ledger.recall('run') or '?'}; ledger {state.ledger}"), style="dim", soft_wrap=True)
    return 0


def with_grades(rows: Iterable[CheckpointStatus]) -> list[dict[str, object]]:
    """The checkpoints for JSON, each with the `grades` of its metrics as `scorers.grades` gives them.

    >>> from watcher.model import State
    >>> status = CheckpointStatus(50, "checkpoint-50", State.PUBLISHED, metrics={"eval/syntax_validity_rate": 0.97})
    >>> with_grades([status])[0]["grades"]
    {'eval/syntax_validity_rate': {'grade': 'good', 'document': 'good'}}
    """
    return [{**row.to_dict(), "grades": grades(row.metrics)} for row in rows]


def _unconfirmed(ledger: Ledger) -> dict[str, object]:
    """The rows that were sent and are not seen yet: how many, and how long ago the first of them was sent."""
    rows, since = ledger.outbox().unconfirmed()
    return {"rows": rows, "age_seconds": None if since is None else max(0.0, time.time() - since)}


def unconfirmed_sentence(rows: int, since: float | None) -> str:
    """What is to be said of rows that may be in the run; `since`: when the first of them was sent, None where another
    ledger may have sent them.

    >>> unconfirmed_sentence(2, None).partition("; ")[0]
    'Unconfirmed: 2 rows may have been sent before this ledger was made'
    """
    once = (
        f"once W&B has not shown them for {format_duration(Patience().seconds)}; `--drain-timeout 15m` waits for that"
    )
    if since is None:
        sent = "may have been sent before this ledger was made"
        return f"Unconfirmed: {rows} rows {sent}; uimon looks for them, and sends them {once}."
    age = format_duration(max(0.0, time.time() - since))
    return (
        f"Unconfirmed: {rows} rows were sent, the first {age} ago, and W&B does not show them yet; uimon looks for "
        f"them, and sends them again {once}."
    )


def _outbox_lines(ledger: Ledger) -> list[str]:
    """What of the rows is where, and which of them W&B holds more than once."""
    outbox, companion = ledger.outbox(), ledger.outbox(Target.COMPANION)
    reasons = ", ".join(outbox.waiting_reasons())
    lines = [(_counted(outbox, "in the run") or "nothing to publish yet") + (f" ({reasons})" if reasons else "") + "."]
    unconfirmed, since = outbox.unconfirmed()
    if unconfirmed:
        lines.append(unconfirmed_sentence(unconfirmed, since))
    if reasons and (shown := _counted(companion, "in the companion run")):
        lines.append(f"{shown}.")
    if copied := outbox.copies():
        named = ", ".join(f"{uid} ({count} times)" for uid, count in copied[:_COPIES_NAMED])
        more = f" and {len(copied) - _COPIES_NAMED} more" if len(copied) > _COPIES_NAMED else ""
        lines.append(f"W&B holds these rows more than once; group by uid: {named}{more}.")
    return lines


def _counted(outbox: LedgerOutbox, where: str) -> str:
    counts = outbox.counts()
    return "; ".join(
        f"{kind} rows: {sent} {where}, {due} wait"
        for kind in RowKind
        for due, sent in [counts.get(kind, (0, 0))]
        if due or sent
    )


def find_state(run: str | None, state_dir: Path | None) -> StateDir:
    """The state directory that is meant: the one given, the run's, or the one changed last on this machine.

    Raises UimonError(STATE_DIR_UNUSABLE) where there is no ledger.
    """
    if state_dir is not None:
        state = StateDir(state_dir)
    elif run is not None:
        ref = RunRef.parse(run)
        # A bare id names no project, whatever the environment would make of it.
        named = "/" in run
        state = statehome.find_state(ref.run_id, *((ref.project or "", ref.entity or "") if named else ()))
    else:
        state = _newest()
    if not state.ledger.is_file():
        sentence = f"There is no ledger in {state.root}; name the run, or its --state-dir."
        if state.evaluations.is_file():
            sentence = (
                f"The ledger in {state.root} is missing; `uimon watch` rebuilds it from {state.evaluations.name}."
            )
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)
    return state


def _newest() -> StateDir:
    home = statehome.state_home()
    ledgers = sorted(home.glob("*/ledger.sqlite3*"), key=os.path.getmtime)
    if not ledgers:
        sentence = f"No run is known in {home}; start `uimon watch`, or name a --state-dir."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)
    return StateDir(ledgers[-1].parent)
