"""`uimon retry`: failed and skipped checkpoints are due again, and failed work that follows an evaluation."""

from __future__ import annotations

from pathlib import Path

import typer

from watcher.cli.status import find_state
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import Lease, StateDir
from watcher.model import Reason, UimonError
from watcher.output.printable import printable
from watcher.settings.arguments import whole_number


def run_retry(step: str, run: str | None, state_dir: Path | None) -> int:
    """Make the failed and skipped checkpoints of `step` (or `all`) due. Returns 1 where there is none."""
    if step != "all" and whole_number(step) is None:
        raise UimonError(Reason.CONFIG_INVALID, f"{step!r} is not a step; give a number, or `all`.")
    state = find_state(run, state_dir)
    ledger = _opened(state)
    try:
        chosen = None if step == "all" else int(step)
        taken = [record.name for record in ledger.retry(chosen)]
        taken += [f"{work.kind} of {work.name}" for work in ledger.followups().retry(chosen)]
        left = step == "all" and ledger.has_earlier()
    finally:
        ledger.close()
    if not taken:
        earlier = " except an earlier run's checkpoints, which you retry one by one, by their step" if left else ""
        typer.echo(f"Nothing failed or was skipped{'' if step == 'all' else f' at step {step}'}{earlier}.", err=True)
        return 1
    for name in taken:
        typer.echo(printable(f"{name} is queued again."))
    typer.echo("A running watcher finds it at its next scan; otherwise start `uimon watch` again.")
    return 0


def _opened(state: StateDir) -> Ledger:
    """The ledger to write in, also beside a watcher. One of another version of uimon, which could not go on with it,
    keeps its ledger as it is: raises UimonError(CONFIG_INVALID).
    """
    try:
        lease = Lease(state)
    except UimonError as error:
        if error.reason is not Reason.STATE_DIR_BUSY:
            raise
        Ledger(state.ledger, read_only=True).close()
        return Ledger(state.ledger)
    try:
        return Ledger(state.ledger)
    finally:
        lease.release()
