"""`uimon status`: what the ledger knows, while the service goes on writing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from watcher.ledger import Ledger
from watcher.model import Reason, RowKind, UimonError
from watcher.publish import RunRef
from watcher.statedir import StateDir, default_state_dir


def run_status(run: str | None, state_dir: Path | None, *, as_json: bool) -> int:
    """Print every checkpoint of a run, and what of it is in W&B. Raises UimonError where there is no ledger."""
    state = find_state(run, state_dir)
    ledger = Ledger(state.ledger, read_only=True)
    rows = ledger.status()
    if as_json:
        json.dump({"checkpoints": rows}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    from rich.console import Console

    from watcher.render import checkpoint_table, unevaluated_notes

    console = Console()
    console.print(checkpoint_table(rows))
    for note in unevaluated_notes(rows):
        console.print(note)
    console.print(_outbox_line(ledger), style="dim")
    console.print(f"Run {ledger.recall('run') or '?'}; ledger {state.ledger}", style="dim", soft_wrap=True)
    return 0


def _outbox_line(ledger: Ledger) -> str:
    counts = ledger.outbox_counts()
    parts = [
        f"{kind} rows: {sent} in the run, {due} wait"
        for kind in RowKind
        for due, sent in [counts.get(kind, (0, 0))]
        if due or sent
    ]
    reasons = ", ".join(ledger.waiting_reasons())
    return "; ".join(parts or ["nothing to publish yet"]) + (f" ({reasons})" if reasons else "") + "."


def find_state(run: str | None, state_dir: Path | None) -> StateDir:
    """The state directory that is meant: the one given, the run's, or the one changed last on this machine.

    Raises UimonError(STATE_DIR_UNUSABLE) where there is no ledger.
    """
    if state_dir is not None:
        state = StateDir(state_dir)
    elif run is not None:
        state = StateDir(default_state_dir(RunRef.parse(run).run_id))
    else:
        state = _newest()
    if not state.ledger.is_file():
        sentence = f"There is no ledger in {state.root}; name the run, or its --state-dir."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)
    return state


def _newest() -> StateDir:
    home = default_state_dir("x").parent
    ledgers = sorted(home.glob("*/ledger.sqlite3*"), key=os.path.getmtime)
    if not ledgers:
        sentence = f"No run is known in {home}; start `uimon watch`, or name a --state-dir."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)
    return StateDir(ledgers[-1].parent)
