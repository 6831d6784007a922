"""`uimon watch`: one run, until it is over."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from watcher.checkpoints import DirectoryWaker, Layout, discover, inspect, layouts_for
from watcher.checkpoints.base_models import resolve_base
from watcher.checkpoints.policy import parse_policy
from watcher.checkpoints.sources.local import DirectorySource
from watcher.cli.chosen_run import choose_run, in_its_project, said
from watcher.cli.status import unconfirmed_sentence
from watcher.cli.validation import validation_file
from watcher.ledger.export import parse_keep
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_home import default_state_dir
from watcher.model import Checkpoint, JsonObject, Reason, RowKind, State, UimonError
from watcher.report.live import showing
from watcher.service import Service
from watcher.service.assembly import Assembled, assembled, owner_for
from watcher.service.health import parse_address, serving
from watcher.settings.arguments import require_utf8
from watcher.settings.config import Settings
from watcher.settings.load import load_settings, unknown_variables
from watcher.validation import ValFile

log = logging.getLogger("uimon")


def run_watch(ckpts: Path, flags: JsonObject, config: Path | None, *, debug: bool) -> int:
    """Watch `ckpts` until the run is over. Returns 1 where a checkpoint failed or a row could not be delivered.

    Raises UimonError where the service cannot start, and where it cannot go on.
    """
    settings = load_settings(flags, config)
    layouts = layouts_for(settings.pattern)
    if ckpts.exists() and not ckpts.is_dir():
        raise UimonError(
            Reason.CHECKPOINTS_MISSING,
            f"{ckpts} is a file; name the directory where the trainer saves {layouts[0].shown}.",
        )
    if settings.once and not ckpts.exists():
        sentence = f"{ckpts} does not exist; name the directory with the checkpoints, or wait for it without --once."
        raise UimonError(Reason.CHECKPOINTS_MISSING, sentence)
    root = ckpts.resolve()
    require_utf8(root)
    chosen = in_its_project(choose_run(settings, root), settings)
    run = chosen.run
    name = run.run_id if run else settings.run_name or root.name
    val = validation_file(settings, root)
    # Without a run that is named, two trainings have no more in common than the name of their directories.
    owner = owner_for(run, name, None if settings.run_name else root)
    notes: list[str] = []
    state_root = settings.state_dir or default_state_dir(owner, notes.append)
    refuse_inside(root, state_root, settings.stage_dir)
    baseline = _baseline(root, settings, layouts) if settings.baseline else None
    base_of = partial(_base_of, settings) if settings.baseline and baseline is None else None
    check_texts(settings)
    with (
        DirectoryWaker(root, log.warning, layouts) as waker,
        showing(name, root, debug=debug, as_json=settings.log_format == "json") as display,
        said(chosen),
        assembled(
            settings, run, owner, val, DirectorySource(root, waker, baseline, layouts, base_of=base_of), state_root
        ) as parts,
        serving(settings.serve, parts.service.heartbeat),
    ):
        log.info("Watching %s; the ledger is in %s.", root, parts.state.root)
        for note in notes:
            log.warning("%s", note)
        say_unknown()
        say_read(val)
        if base_of is not None:
            log.info("The base model is evaluated as step 0 once an adapter is there that names it.")
        if settings.adopt_earlier:
            log.info(
                "uimon evaluates every checkpoint there for run %s, whichever training saved it (--adopt-earlier).",
                name,
            )
        with display.following(parts.ledger, parts.board):
            finished = run_service(parts)
        return outcome(parts, logged=run is not None) if finished else 1


def say_unknown() -> None:
    """Name what looks like a setting in the environment and is none."""
    for name in unknown_variables(os.environ):
        log.warning("The environment has %s, which is not a setting of uimon; `uimon watch --help` lists them.", name)


def say_read(val: ValFile) -> None:
    """Say what was made of the validation file; lines that cannot be used are worth a warning."""
    (log.warning if val.unusable else log.info)("%s", val.summary)


def _baseline(root: Path, settings: Settings, layouts: Sequence[Layout]) -> Path | None:
    """The base model to evaluate as step 0: of the adapters that are there, at the revision that they name. None where
    the first adapter is still to come. Raises UimonError(BASE_MODEL_MISSING) where it is not on this machine, and where
    none is to come.
    """
    for found in reversed(discover(root, layouts)):
        checkpoint = inspect(found)
        if checkpoint.base is not None:
            return resolve_base(checkpoint.base, settings.base, checkpoint.path)
    if settings.base is not None:
        return resolve_base(None, settings.base)
    if settings.once:
        sentence = f"No adapter in {root} names its base model, which --baseline evaluates; name it with --base."
        raise UimonError(Reason.BASE_MODEL_MISSING, sentence)
    return None


def _base_of(settings: Settings, adapter: Checkpoint) -> Path | None:
    """The base that an adapter names; None where it is not on this machine, for which the adapter fails by itself."""
    try:
        return resolve_base(adapter.base, settings.base, adapter.path)
    except UimonError:
        return None


def check_texts(settings: Settings) -> None:
    """Read what the service reads only when an engine may be there already. Raises UimonError(CONFIG_INVALID)."""
    parse_policy(settings.policy)
    parse_keep(settings.keep_samples)
    if settings.serve is not None:
        parse_address(settings.serve)


def refuse_inside(root: Path, *places: Path | None) -> None:
    """uimon's own files never lie where the trainer writes and deletes. Raises UimonError(STATE_DIR_UNUSABLE)."""
    for place in places:
        if place is not None and place.resolve().is_relative_to(root):
            sentence = (
                f"{place} lies in the trainer's directory {root}, where uimon writes nothing; name a place outside of "
                "it with --state-dir or --stage-dir."
            )
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


@contextmanager
def interruptible(service: Service) -> Iterator[None]:
    """Ctrl-C or SIGTERM once ends the service in good order; a second one ends it now."""

    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        seen.append(number)
        if len(seen) > 1:
            # The engine dies with this process, and what the ledger has committed stays.
            os._exit(130)
        log.info(
            "Stopping: uimon requeues the current checkpoint and delivers the rows that are due. Ctrl-C again "
            "stops now."
        )
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
    undelivered = logged and say_undelivered(parts.ledger)
    return 1 if failed or undelivered or parts.service.lacking else 0


def say_undelivered(ledger: Ledger) -> bool:
    """Name the rows that are not in the run; those that wait for the end of the run are no failure. Those that
    were sent and are not seen yet are one: nobody knows whether they are there.
    """
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
    unconfirmed, since = outbox.unconfirmed()
    if unconfirmed:
        log.warning("%s", unconfirmed_sentence(unconfirmed, since))
    return set(reasons) != {Reason.DEFERRED}
