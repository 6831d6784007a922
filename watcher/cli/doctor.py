"""`uimon doctor`: is this machine ready, and what next where it is not."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watcher.alerts.power import limits
from watcher.checkpoints import layouts_for
from watcher.checkpoints.base_models import resolve_base
from watcher.cli.chosen_run import Chosen, choose_run
from watcher.cli.validation import choice_of, validation_file
from watcher.doctor.checks import Check, Places, Probes, Status, check_samples, run_checks
from watcher.doctor.probes import probe_engine, try_events
from watcher.engine.capacity import cpu_cache_gib
from watcher.engine.gpu import GpuChoice, SystemNvml, choose_gpu
from watcher.ledger.state_home import default_state_dir
from watcher.model import Reason, UimonError
from watcher.output.printable import printable
from watcher.output.terminal import Terminal, write_document
from watcher.service.assembly import owner_for
from watcher.settings.config import Settings, load_settings
from watcher.trackers.wandb import RunFacts, RunRef, inspect_run, missing_run
from watcher.validation import ValFile

_STYLES = {Status.OK: "green", Status.NOTE: "yellow", Status.PROBLEM: "bold red"}
_MARKS = {Status.OK: "✓", Status.NOTE: "!", Status.PROBLEM: "✗"}
_GB = 1e9


def run_doctor(ckpts: Path | None, flags: dict[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Print every check. Returns 1 where one found a problem. Nothing is created or changed.

    Raises UimonError(CONFIG_INVALID) for settings that are none, and RUN_NOT_FOUND, as `choose_run` does.
    """
    settings = load_settings(flags, config)
    choice_of(settings)
    chosen = _chosen(ckpts, settings)
    checks = run_checks(_places(ckpts, settings, chosen.run), _probes(ckpts, settings, chosen.run))
    checks += [Check("wandb", Status.NOTE, note, "Give the id alone for the other server.") for note in chosen.notes]
    checks.append(check_samples(limits(settings.samples, settings.alerts, settings.n)))
    if as_json:
        write_document({"checks": [asdict(check) for check in checks]}, sys.stdout)
    else:
        _print(checks)
    return 1 if any(check.status is Status.PROBLEM for check in checks) else 0


def _chosen(ckpts: Path | None, settings: Settings) -> Chosen:
    """The run that is named, which has to be one; else the one that was begun here, if there is one."""
    root = None if ckpts is None else ckpts.resolve()
    if settings.run_name:
        return choose_run(settings, root)
    try:
        return choose_run(settings, root)
    except UimonError:
        return Chosen(None)


def _places(ckpts: Path | None, settings: Settings, run: RunRef | None) -> Places:
    root = ckpts.resolve() if ckpts else None
    owner = owner_for(run, run.run_id if run else root.name if root else "run", root)
    state_dir = settings.state_dir or default_state_dir(owner)
    stage_dir = settings.stage_dir or state_dir / "stage"
    floor = int(settings.disk_floor_gb * _GB)
    return Places(ckpts, state_dir, stage_dir, floor, settings.samples, layouts_for(settings.pattern))


def _probes(ckpts: Path | None, settings: Settings, run: RunRef | None) -> Probes:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")

    def val() -> ValFile:
        return validation_file(settings, (ckpts or Path()).resolve())

    def gpu() -> GpuChoice:
        choice = choose_gpu(settings.gpu, settings.share_gpu, SystemNvml(), visible, settings.tensor_parallel)
        if choice.cuda_visible_devices is None:
            cpu_cache_gib(os.environ)
        return choice

    def wandb() -> RunFacts:
        assert run is not None
        facts = inspect_run(run, search=True)
        if not facts.exists:
            raise UimonError(Reason.RUN_NOT_FOUND, missing_run(run, facts))
        return facts

    return Probes(
        engine=probe_engine,
        gpu=gpu,
        val=val if settings.val or ckpts else None,
        wandb=wandb if run else None,
        events=try_events,
        base=lambda adapter: resolve_base(adapter.base, settings.base, adapter.path),
    )


def _print(checks: list[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for check in checks:
        text = Text(printable(check.sentence))
        if check.next_step:
            text.append(f"\n→ {printable(check.next_step)}", style="italic")
        table.add_row(Text(_MARKS[check.status], _STYLES[check.status]), Text(check.name, "bold"), text)
    Terminal().print(table)
