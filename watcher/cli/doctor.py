"""`uimon doctor`: is this machine ready, and what next where it is not."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from watcher.alerts.power import limits
from watcher.checkpoints import layouts_for
from watcher.checkpoints.base_models import resolve_base
from watcher.cli.chosen_run import Chosen, choose_run
from watcher.cli.validation import choice_of, validation_file
from watcher.cli.watch import check_texts
from watcher.doctor.checks import (
    Check,
    CheckedPaths,
    Probes,
    Status,
    check_samples,
    check_theme,
    prompts_there,
    run_checks,
)
from watcher.doctor.probes import probe_engine, try_events
from watcher.engine import VllmEngine
from watcher.engine.capacity import cpu_cache_gib
from watcher.engine.gpu import GpuChoice, SystemNvml, choose_gpu
from watcher.engine.model_files.tokenizer_files import has_tokenizer
from watcher.evaluation.plugins import named_theme, plugged, theme_note
from watcher.evaluation.suite import read_template
from watcher.ledger.state_dir import StateDir
from watcher.ledger.state_home import default_state_dir
from watcher.model import JsonObject, Reason, UimonError
from watcher.output.printable import printable
from watcher.output.terminal import Terminal, write_document
from watcher.service.assembly import engine_settings, owner_for
from watcher.settings.config import Settings
from watcher.settings.load import load_settings
from watcher.trackers.wandb import RunFacts, RunRef, inspect_run, missing_run
from watcher.validation import ValFile

_STYLES = {Status.OK: "green", Status.NOTE: "yellow", Status.PROBLEM: "bold red"}
_MARKS = {Status.OK: "✓", Status.NOTE: "!", Status.PROBLEM: "✗"}
_GB = 1e9
_NO_GPU = GpuChoice(None, "", 0, 0, "")
"""vLLM's parser needs none."""


def run_doctor(ckpts: Path | None, flags: JsonObject, config: Path | None, *, as_json: bool) -> int:
    """Print every check. Returns 1 where one found a problem. Nothing is changed, or left behind.

    Raises UimonError(CONFIG_INVALID) for settings that are none, and RUN_NOT_FOUND, as `choose_run` does.
    """
    settings = load_settings(flags, config)
    _refuse_unusable(settings)
    chosen = _chosen(ckpts, settings)
    probes = _probes(ckpts, settings, chosen.run)
    checks = run_checks(_places(ckpts, settings, chosen.run), probes)
    checks += [Check("wandb", Status.NOTE, note, "Give the id alone for the other server.") for note in chosen.notes]
    prompts = prompts_there(probes.val, settings.samples)
    too_few_for = limits(prompts, settings.alerts, settings.n)
    checks.append(check_samples(too_few_for, all_there=prompts < settings.samples))
    checks += check_theme(theme_note(named_theme(settings.theme)))
    if as_json:
        write_document({"checks": [asdict(check) for check in checks]}, sys.stdout)
    else:
        _print(checks)
    return 1 if any(check.status is Status.PROBLEM for check in checks) else 0


def _refuse_unusable(settings: Settings) -> None:
    """What `uimon watch` refuses: at its start, or with the first checkpoint (a tokenizer and template of one's own).

    Raises UimonError: CONFIG_INVALID, TOKENIZER_MISSING, CHAT_TEMPLATE_MISSING.
    """
    choice_of(settings)
    check_texts(settings)
    named_theme(settings.theme)
    read_template(settings)
    if settings.tokenizer is not None and not has_tokenizer(settings.tokenizer):
        sentence = f"{settings.tokenizer}: there is no tokenizer here; name a directory that has it with --tokenizer."
        raise UimonError(Reason.TOKENIZER_MISSING, sentence)
    with plugged(settings.scorers):
        pass


def _chosen(ckpts: Path | None, settings: Settings) -> Chosen:
    """The run that is named, which has to be one; else the one that was begun here, if there is one."""
    root = None if ckpts is None else ckpts.resolve()
    if settings.run_name:
        return choose_run(settings, root)
    try:
        return choose_run(settings, root)
    except UimonError:
        return Chosen(None)


def _places(ckpts: Path | None, settings: Settings, run: RunRef | None) -> CheckedPaths:
    root = ckpts.resolve() if ckpts else None
    name = run.run_id if run else settings.run_name or (root.name if root else "run")
    owner = owner_for(run, name, None if settings.run_name else root)
    state_dir = settings.state_dir or default_state_dir(owner)
    stage_dir = settings.stage_dir or state_dir / "stage"
    floor = int(settings.disk_floor_gb * _GB)
    return CheckedPaths(ckpts, state_dir, stage_dir, floor, settings.samples, layouts_for(settings.pattern))


def _probes(ckpts: Path | None, settings: Settings, run: RunRef | None) -> Probes:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")

    @cache
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
        arguments=partial(_check_arguments, settings) if settings.engine_args else None,
    )


def _check_arguments(settings: Settings) -> None:
    """Have vLLM's parser read the user's own arguments. Raises UimonError as `VllmEngine.check_arguments` does."""
    with TemporaryDirectory(prefix="uimon-doctor-") as place:
        state = StateDir(Path(place))
        state.create()
        engine = VllmEngine(engine_settings(settings, _NO_GPU, state))
        try:
            engine.check_arguments()
        finally:
            engine.close()


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
