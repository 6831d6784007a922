"""`uimon eval`: checkpoints named one by one, evaluated once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from watcher.checkpoints import Layout, StepMetadata, base_model, inspect, layouts_for, named, writers_directory
from watcher.checkpoints.base_models import resolve_base
from watcher.checkpoints.sources.local import ListSource
from watcher.cli.chosen_run import Chosen, choose_run, said
from watcher.cli.status import with_grades
from watcher.cli.validation import validation_file
from watcher.cli.watch import outcome, refuse_inside, run_service, say_read, say_unknown
from watcher.ledger.state_home import default_state_dir
from watcher.model import Checkpoint, Condition, JsonObject, Reason, UimonError
from watcher.output.printable import printable_document
from watcher.output.terminal import Terminal, sole_output, write_document
from watcher.report.live import showing
from watcher.service.assembly import Assembled, assembled, owner_for
from watcher.settings.arguments import require_utf8
from watcher.settings.load import load_settings


def run_eval(ckpts: list[Path], flags: JsonObject, config: Path | None, *, as_json: bool, debug: bool) -> int:
    """Evaluate these checkpoints and print the metrics. Returns 1 where one failed.

    The state directory is a temporary one unless --state-dir or --run-id is given. Raises UimonError where a path is
    no checkpoint, where uimon would write beside it, or where the evaluation cannot start.
    """
    settings = load_settings({**flags, "once": True}, config)
    named_run = flags.get("run_id") is not None
    chosen = choose_run(settings, ckpts[0].resolve().parent) if named_run else Chosen(None)
    run = chosen.run
    name = run.run_id if run else settings.run_name or "eval"
    owner = owner_for(run, name, None)
    layouts = layouts_for(settings.pattern)
    candidates = [_candidate(path.resolve(), layouts) for path in ckpts]
    state_root = settings.state_dir or (default_state_dir(owner) if named_run else None)
    for candidate in candidates:
        place = state_root or Path(tempfile.gettempdir())
        refuse_inside(writers_directory(candidate, layouts), place, settings.stage_dir)
    checkpoints = [_require_whole(candidate) for candidate in candidates]
    if settings.baseline:
        over = next((checkpoint for checkpoint in checkpoints if checkpoint.base), checkpoints[0])
        candidates.insert(0, base_model(resolve_base(over.base, settings.base, over.path)))
    val = validation_file(settings, ckpts[0].resolve())
    with ExitStack() as closing:
        # Before the log looks for its stream; the engine and plug-ins print.
        answer = closing.enter_context(sole_output())
        if state_root is None:
            state_root = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="uimon-eval-")))
        shown = showing(name, ckpts[0].resolve().parent, debug=debug, as_json=settings.log_format == "json")
        display = closing.enter_context(shown)
        closing.enter_context(said(chosen))
        source = ListSource(candidates)
        parts = closing.enter_context(assembled(settings, run, owner, val, source, state_root))
        say_unknown()
        say_read(val)
        with display.following(parts.ledger, parts.board):
            finished = run_service(parts)
        code = outcome(parts, logged=run is not None) if finished else 1
        _print(parts, {candidate.path for candidate in candidates}, answer, as_json=as_json)
    return code


def _candidate(path: Path, layouts: Sequence[Layout]) -> StepMetadata:
    """A directory named by the user. Two runs' `checkpoint-50` are different ones, so the whole path is the name."""
    require_utf8(path)
    return replace(named(path, layouts), name=str(path))


def _require_whole(candidate: StepMetadata) -> Checkpoint:
    """The checkpoint; one that is partial cannot be waited for here."""
    path, found = candidate.path, inspect(candidate)
    if found.condition is Condition.GONE:
        raise UimonError(Reason.CHECKPOINTS_MISSING, f"{path} does not exist; name a checkpoint directory.")
    if found.condition is Condition.PARTIAL:
        raise UimonError(found.reason or Reason.WEIGHTS_MISSING, f"{path} is not a complete checkpoint: {found.detail}")
    return found


def _print(parts: Assembled, paths: set[Path], answer: TextIO, *, as_json: bool) -> None:
    """The evaluated checkpoints, as `uimon status` shows them.

    One that the run has evaluated before is known by the name that it had then.
    """
    names = {record.name for record in parts.ledger.records() if record.path in paths}
    rows = [row for row in parts.ledger.status() if row.name in names]
    if as_json:
        write_document({"checkpoints": with_grades(rows)}, answer)
        return
    from watcher.report.terminal import checkpoint_table, document_notes

    rows = printable_document(rows)
    console = Terminal(answer)
    console.print(checkpoint_table(rows))
    for note in document_notes(rows):
        console.print(note)
