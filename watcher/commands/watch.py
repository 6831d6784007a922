"""`uimon watch`: one run, until it is over."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from watcher.checkpoints import NAMINGS, DirectoryWaker, naming_of
from watcher.checkpoints.policy import parse_policy
from watcher.commands.assemble import Assembled, assembled
from watcher.config import Settings, load_settings
from watcher.display import showing
from watcher.ledger import Ledger
from watcher.model import Reason, RowKind, State, UimonError
from watcher.publish import RunRef
from watcher.publish.local_runs import LocalRun, local_runs
from watcher.service import Service
from watcher.service.health import parse_address, serving
from watcher.sources import DirectorySource, resolve_base
from watcher.statedir import default_state_dir
from watcher.val import find_val, load_val

log = logging.getLogger("uimon")


def run_watch(ckpts: Path, flags: dict[str, Any], config: Path | None, *, debug: bool) -> int:
    """Watch `ckpts` until the run is over. Returns 1 where a checkpoint failed or a row could not be delivered.

    Raises UimonError where the service cannot start, and where it cannot go on.
    """
    settings = load_settings(flags, config)
    if ckpts.exists() and not ckpts.is_dir():
        raise UimonError(
            Reason.CHECKPOINTS_MISSING,
            f"{ckpts} is a file; name the directory in which the trainer leaves checkpoint-N.",
        )
    root = ckpts.resolve()
    unnamed = settings.run_name is None and settings.wandb != "off"
    begun = _begun(root) if unnamed else None
    run = wandb_run(settings, begun)
    name = run.run_id if run else settings.run_name or root.name
    val = load_val(settings.val or find_val(root), settings.system)
    state_root = settings.state_dir or default_state_dir(name)
    _refuse_inside(root, state_root, settings.stage_dir)
    baseline = resolve_base(None, settings.base) if settings.baseline else None
    namings = (naming_of(settings.pattern),) if settings.pattern else NAMINGS
    _check_texts(settings)
    with (
        DirectoryWaker(root, log.warning, namings) as waker,
        showing(name, root, debug=debug, as_json=settings.log_format == "json") as display,
        _said(begun),
        assembled(settings, run, name, val, DirectorySource(root, waker, baseline, namings), state_root) as parts,
        serving(settings.serve, parts.service.heartbeat),
    ):
        log.info("Watching %s; the ledger is in %s.", root, parts.state.root)
        if settings.adopt_earlier:
            log.info("All that lies there is evaluated for run %s, whichever training left it (--adopt-earlier).", name)
        with display.following(parts.ledger, parts.board):
            finished = run_service(parts)
        return outcome(parts, logged=run is not None) if finished else 1


def _check_texts(settings: Settings) -> None:
    """What is read only later, when an engine may be there already, is understood. Raises UimonError."""
    parse_policy(settings.policy)
    if settings.serve is not None:
        parse_address(settings.serve)


def _refuse_inside(root: Path, *places: Path | None) -> None:
    """uimon's own files never lie where the trainer writes and deletes."""
    for place in places:
        if place is not None and place.resolve().is_relative_to(root):
            sentence = f"{place} lies in the trainer's directory, where uimon writes nothing; name another place."
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)


def run_service(parts: Assembled) -> bool:
    """Run the service to its end; False where it could not go on, which is logged."""
    try:
        with interruptible(parts.service):
            parts.service.run()
    except UimonError as error:
        # The sentence says it all; a traceback would bury it.
        log.error("%s (%s)", error.sentence, error.reason)  # noqa: TRY400
        return False
    return True


def wandb_run(settings: Settings, begun: LocalRun | None = None) -> RunRef | None:
    """The run to log into; None with `--wandb off`.

    `begun` is taken where none is named. Raises UimonError(RUN_NOT_FOUND) where there is none either.
    """
    if settings.wandb == "off":
        return None
    named = settings.run_name or (begun.run_id if begun else None)
    if named is None:
        sentence = (
            "No run is named, and no trainer has begun one beside the checkpoints: give the trainer's W&B run with "
            "--run-id (or WANDB_RUN_ID), or keep the results on this machine with --wandb off."
        )
        raise UimonError(Reason.RUN_NOT_FOUND, sentence)
    return RunRef.parse(named, settings.entity, settings.project)


def _begun(root: Path) -> LocalRun | None:
    """The run that a trainer has begun beside the checkpoints. Raises UimonError(RUN_NOT_FOUND) for one of several."""
    runs = local_runs(root, Path.cwd(), os.environ)
    if len(runs) > 1:
        newest = ", ".join(run.run_id for run in runs[:3])
        sentence = (
            f"{len(runs)} runs were begun in {runs[0].path.parent} (the newest: {newest}); name the one that writes "
            "these checkpoints with --run-id."
        )
        raise UimonError(Reason.RUN_NOT_FOUND, sentence)
    return runs[0] if runs else None


@contextmanager
def _said(begun: LocalRun | None) -> Iterator[None]:
    """Say which run was taken because none was named; entered before what may end the command."""
    if begun is not None:
        log.info("No run is named; taking %s, the one that was begun here: %s.", begun.run_id, begun.path)
    if begun is not None and begun.offline:
        log.warning("That run is offline: its rows wait in the ledger until it is synced with `wandb sync`.")
    yield


@contextmanager
def interruptible(service: Service) -> Iterator[None]:
    """Ctrl-C or SIGTERM once ends the service in good order; a second one ends it now."""

    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        seen.append(number)
        if len(seen) > 1:
            # The engine dies with this process, and what the ledger has committed stays.
            os._exit(130)
        log.info("Stopping: the current checkpoint is handed back, due rows are delivered. Ctrl-C again stops now.")
        service.stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def outcome(parts: Assembled, *, logged: bool) -> int:
    """Say how it ended; 1 where a checkpoint failed or was passed over, or a row that should be in the run is not."""
    failed = parts.ledger.records(State.FAILED)
    for record in failed:
        log.error("%s failed (%s): %s", record.name, record.reason, record.detail)
    undelivered = logged and _say_undelivered(parts.ledger)
    return 1 if failed or undelivered or parts.service.lacking else 0


def _say_undelivered(ledger: Ledger) -> bool:
    """Name the rows that are not in the run; those that wait for a trainer in shared mode are no failure."""
    outbox = ledger.outbox()
    counts = outbox.counts()
    due = sum(count for count, _ in counts.values())
    if not due:
        return False
    evaluations = counts.get(RowKind.EVAL, (0, 0))[0]
    reasons = outbox.waiting_reasons()
    log.warning(
        "%d rows (%d of them evaluations) wait in the ledger (%s); the next `uimon watch` delivers them.",
        due,
        evaluations,
        ", ".join(reasons) or "not tried yet",
    )
    return set(reasons) != {Reason.DEFERRED}
