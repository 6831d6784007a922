"""`uimon rescore`: stored samples scored anew, and the rows that come of it brought into the run. Needs no engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TextIO

import scorers
from scorers.metrics.catalog import HEADLINES
from scorers.metrics.computation import Elsewhere
from watcher.cli.status import find_state
from watcher.cli.watch import say_undelivered
from watcher.evaluation.evaluate import TableLimits
from watcher.evaluation.plugins import named_theme, plugged, theme_note
from watcher.evaluation.rescoring import Fate, Rescored, Rescorer
from watcher.evaluation.rows import RowMaker
from watcher.ledger.export import Exporter, parse_keep
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import Lease, StateDir
from watcher.model import JsonObject, Reason, UimonError
from watcher.output.terminal import Terminal, sole_output, write_document
from watcher.report.live import showing
from watcher.service.board import Board
from watcher.service.publisher import Publisher
from watcher.service.signals import Signals, log
from watcher.settings.arguments import whole_number
from watcher.settings.config import Settings
from watcher.settings.load import load_settings
from watcher.trackers.wandb import RunRef
from watcher.trackers.wandb.tracker import wandb_tracker

_SHOWN: Final = {metric.name: metric.headline for metric in HEADLINES if not isinstance(metric.computed, Elsewhere)}
_BUSY: Final = "run `uimon rescore` and start it again; --dry-run shows now what would change"


def run_rescore(
    run: str | None, step: str, flags: JsonObject, config: Path | None, *, dry_run: bool, as_json: bool, debug: bool
) -> int:
    """Score the stored samples of a run anew (`step`: a step, or `all`) and deliver the rows; `dry_run` only shows what
    would come of it, also beside a running watcher.

    Returns 1 where an evaluation cannot be scored anew, a plug-in failed, or a row could not be delivered. Raises
    UimonError where there is no ledger, nothing to score, or another process writes the ledger.
    """
    if step != "all" and whole_number(step) is None:
        raise UimonError(Reason.CONFIG_INVALID, f"{step!r} is not a step; give a number, or `all`.")
    settings = load_settings(flags, config)
    with sole_output() as answer:
        return _rescore(run, step, settings, answer, dry_run=dry_run, as_json=as_json, debug=debug)


def _rescore(
    run: str | None, step: str, settings: Settings, answer: TextIO, *, dry_run: bool, as_json: bool, debug: bool
) -> int:
    theme, state = named_theme(settings.theme), find_state(run, settings.state_dir)
    with (
        showing(state.root.name, state.root, debug=debug),
        plugged(settings.scorers) as plugins,
        _opened(state, dry_run=dry_run) as ledger,
    ):
        if note := theme_note(theme):
            log.warning("%s", note)
        table = TableLimits(settings.table_rows, settings.table_kb * 1000)
        rescorer = Rescorer(ledger, plugins, theme, table, log.warning, keep=not dry_run)
        found = list(_said(rescorer.rescore(None if step == "all" else int(step)), dry_run=dry_run))
        if not found:
            where = "" if step == "all" else f" at step {step}"
            raise UimonError(Reason.CONFIG_INVALID, f"Nothing is evaluated{where} in {state.root}; see `uimon status`.")
        delivered = dry_run or _deliver(settings, ledger, state)
        name = ledger.recall("run") or state.root.name
    _print(name, scorers.versions(plugins, theme), found, answer, as_json=as_json)
    failed = rescorer.plugins_failed or any(one.fate is Fate.FAILED for one in found)
    return 1 if failed or not delivered else 0


@contextmanager
def _opened(state: StateDir, *, dry_run: bool) -> Iterator[Ledger]:
    """The ledger, which nobody else may write meanwhile; for a dry run beside a watcher it is only read."""
    try:
        lease = Lease(state, _BUSY)
    except UimonError:
        if not dry_run:
            raise
        lease = None
    try:
        ledger = Ledger(state.ledger, read_only=lease is None)
        try:
            ledger.require_whole()
            yield ledger
        finally:
            ledger.close()
    finally:
        if lease is not None:
            lease.release()


def _said(rescored: Iterator[Rescored], *, dry_run: bool) -> Iterator[Rescored]:
    """Each one, once it is said what became of it; at the end, what there was to do."""
    counts = dict.fromkeys(Fate, 0)
    for one in rescored:
        counts[one.fate] += 1
        if one.fate is Fate.FAILED:
            log.error("%s (%s)", one.detail, one.reason)
        elif one.fate is Fate.RESCORED:
            log.info("Step %d is scored again.", one.origin.step)
        yield one
    if counts[Fate.UNCHANGED] and not counts[Fate.RESCORED]:
        log.info("There is nothing to do: these scorers have scored every evaluation already.")
    elif counts[Fate.RESCORED]:
        kept = "nothing of it is stored (--dry-run)" if dry_run else "the old figures and rows stay as they are"
        log.info("%d evaluations are scored again; %s.", counts[Fate.RESCORED], kept)


def _deliver(settings: Settings, ledger: Ledger, state: StateDir) -> bool:
    """Bring into the run what is due; False where a row could not be delivered that should be there now."""
    Exporter(ledger, state, parse_keep(settings.keep_samples)).export()
    mode, name = ledger.recall("wandb") or "off", ledger.recall("run")
    if mode == "off" or name is None:
        return True
    rows = RowMaker(ledger, name)
    rows.make()
    if ledger.outbox().empty:
        return True
    entity, project, server = (ledger.recall(key) or None for key in ("entity", "project", "server"))
    ref = replace(RunRef.parse(name, entity, project), server=server)
    board, signals = Board(), Signals()
    tracker = wandb_tracker(ref, ledger, state.root, mode, settings.settle)
    Publisher(tracker, rows, ledger, signals, board).deliver(settings.drain_timeout)
    if url := board.snapshot.url:
        log.info("The run is %s.", url)
    return not say_undelivered(ledger)


def _print(run: str, version: str, found: Sequence[Rescored], answer: TextIO, *, as_json: bool) -> None:
    if as_json:
        document = {"run": run, "scorers": version, "evaluations": [_plain(one) for one in found]}
        write_document(document, answer)
        return
    from watcher.report.columns import Cell, Column, Columns
    from watcher.report.terminal import metric

    rows = []
    for one in found:
        before, now = one.origin.metrics, one.now.metrics if one.now else {}
        cells = []
        for name in _SHOWN:
            old, new = metric(name, before), metric(name, now)
            changed = one.fate is Fate.RESCORED and old.text != new.text
            cells.append(replace(new, text=f"{old.text} → {new.text}") if changed else new)
        rows.append([Cell(str(one.origin.step)), Cell(str(one.fate)), *cells])
    columns = [Column("step"), Column("", elastic=True), *map(Column, _SHOWN.values())]
    Terminal(answer).print(Columns(columns, rows))


def _plain(one: Rescored) -> dict[str, object]:
    """One evaluation of the document that `--json` prints."""
    now = one.now
    return {
        "step": one.origin.step,
        "name": one.origin.name,
        "digest": one.origin.digest,
        "state": one.fate.value,
        "reason": one.reason,
        "detail": one.detail,
        "origin": one.origin.uid,
        "uid": now and now.uid,
        "suite": now and now.suite,
        "before": dict(one.origin.metrics),
        "metrics": dict(now.metrics) if now else {},
    }
