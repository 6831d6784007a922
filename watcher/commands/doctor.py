"""`uimon doctor`: is this machine ready, and what next where it is not."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watcher.alerts.power import limits
from watcher.commands.validation import validation_file
from watcher.config import Settings, load_settings
from watcher.doctor import Check, Places, Probes, Status, check_samples, probe_engine, run_checks, try_events
from watcher.engine.gpu import SystemNvml, choose_gpu
from watcher.publish import RunFacts, RunRef, inspect_run
from watcher.statedir import default_state_dir
from watcher.validation import ValFile

_STYLES = {Status.OK: "green", Status.NOTE: "yellow", Status.PROBLEM: "bold red"}
_MARKS = {Status.OK: "✓", Status.NOTE: "!", Status.PROBLEM: "✗"}
_GB = 1e9


def run_doctor(ckpts: Path | None, flags: dict[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Print every check. Returns 1 where one found a problem. Nothing is created or changed."""
    settings = load_settings(flags, config)
    checks = run_checks(_places(ckpts, settings), _probes(ckpts, settings))
    checks.append(check_samples(limits(settings.samples, settings.alerts, settings.n)))
    if as_json:
        json.dump({"checks": [asdict(check) for check in checks]}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(checks)
    return 1 if any(check.status is Status.PROBLEM for check in checks) else 0


def _places(ckpts: Path | None, settings: Settings) -> Places:
    run = settings.run_name
    name = RunRef.parse(run).run_id if run else (ckpts.resolve().name if ckpts else "run")
    state_dir = settings.state_dir or default_state_dir(name)
    stage_dir = settings.stage_dir or state_dir / "stage"
    return Places(ckpts, state_dir, stage_dir, int(settings.disk_floor_gb * _GB), settings.samples)


def _probes(ckpts: Path | None, settings: Settings) -> Probes:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")

    def val() -> ValFile:
        return validation_file(settings, (ckpts or Path()).resolve())

    def wandb() -> RunFacts:
        return inspect_run(RunRef.parse(settings.run_name or "", settings.entity, settings.project))

    return Probes(
        engine=probe_engine,
        gpu=lambda: choose_gpu(settings.gpu, settings.share_gpu, SystemNvml(), visible, settings.tensor_parallel),
        val=val if settings.val or ckpts else None,
        wandb=wandb if settings.run_name else None,
        events=try_events,
    )


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for check in checks:
        text = Text(check.sentence)
        if check.next_step:
            text.append(f"\n→ {check.next_step}", style="italic")
        table.add_row(Text(_MARKS[check.status], _STYLES[check.status]), Text(check.name, "bold"), text)
    Console().print(table)
