"""Which W&B run a command is about: as it is named, or as a trainer on this machine has begun it.

A run that is named by its id alone, or not at all, gets its entity and project from the options, else from what the
run's own directory beside the checkpoints tells, else from WANDB_ENTITY and WANDB_PROJECT, else the defaults.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.model import Reason, UimonError
from watcher.settings.config import Settings
from watcher.trackers.wandb import RunRef, inspect_run, missing_run
from watcher.trackers.wandb.local_runs import LocalRun, local_runs, with_project
from watcher.trackers.wandb.run import normal_server

log = logging.getLogger("uimon")

_TITLE_SECONDS = 45.0
"""How long, in seconds, W&B is asked for a run of a name that can be no id."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The run, None where nothing is logged. `begun` is what a trainer left of it on this machine; `taken` where that
    is how it was chosen; `notes` are sentences about the choice that a person should read.
    """

    run: RunRef | None
    begun: LocalRun | None = None
    taken: bool = False
    notes: tuple[str, ...] = ()


def choose_run(settings: Settings, root: Path | None) -> Chosen:
    """The run that `settings` name; without a name the one that was begun beside the checkpoints in `root`.

    Raises UimonError(RUN_NOT_FOUND) where there is none, where several were begun, or where the name is none.
    """
    if settings.wandb == "off":
        return Chosen(None)
    begun = local_runs(root, Path.cwd(), os.environ) if root is not None else []
    named = settings.run_name
    if named is None:
        only = with_project(_only(begun))
        return Chosen(_referred(only.run_id, settings, only), only, taken=True)
    known = next((with_project(run) for run in begun if run.run_id == named.strip()), None)
    run = _referred(named, settings, known)
    return Chosen(run, known, notes=_about_server(run))


def in_its_project(chosen: Chosen, settings: Settings) -> Chosen:
    """The run in the project where W&B has it, where nobody named a project and a trainer here has begun the run.

    Where W&B cannot be asked, or knows the run in no project or in several, the choice stays as it is.
    """
    run, begun = chosen.run, chosen.begun
    if run is None or begun is None or begun.project or settings.project or os.environ.get("WANDB_PROJECT"):
        return chosen
    if begun.offline:
        return chosen  # W&B has not heard of it
    try:
        facts = inspect_run(run, search=True)
    except (UimonError, OSError):
        return chosen  # the service asks again, and says it
    if facts.exists or len(facts.elsewhere) != 1:
        return chosen
    entity, project, _ = facts.elsewhere[0].split("/", 2)
    note = f"Run {run.run_id} was named without its project; uimon uses {entity}/{project}, where W&B has it."
    return replace(chosen, run=replace(run, entity=entity, project=project), notes=(*chosen.notes, note))


@contextmanager
def said(chosen: Chosen) -> Iterator[None]:
    """Say how the run was chosen; entered before what may end the command."""
    begun = chosen.begun
    if begun is not None and chosen.taken:
        log.info("No run is named; uimon uses %s, the one that was begun here: %s.", begun.run_id, begun.path)
    if begun is not None and begun.project and chosen.run is not None and chosen.run.project == begun.project:
        log.info("Its project is %s, according to the run's own files.", begun.project)
    for note in chosen.notes:
        log.warning("%s", note)
    if begun is not None and begun.offline:
        log.warning("That run is offline: its rows wait in the ledger until it is synced with `wandb sync`.")
    yield


def _referred(named: str, settings: Settings, begun: LocalRun | None) -> RunRef:
    entity, project = settings.entity, settings.project
    if begun is not None and project is None:
        # Both or none: an entity belongs to its project.
        entity, project = entity or begun.entity, begun.project
    try:
        return RunRef.parse(named, entity, project)
    except UimonError as error:
        raise _unless_titled(named.strip(), entity, project, error) from None


def _unless_titled(named: str, entity: str | None, project: str | None, error: UimonError) -> UimonError:
    """Where a text that can be no id is the name that W&B shows of a run, a sentence with the run's path; else `error`.

    Display names are free text: `transformers` takes the output directory for one, slashes included.
    """
    if not named or "://" in named:
        return error
    ref = replace(RunRef.parse("id", entity, project), run_id=named)
    try:
        facts = inspect_run(ref, _TITLE_SECONDS, search=True)
    except (UimonError, OSError):
        return error
    return UimonError(Reason.RUN_NOT_FOUND, missing_run(ref, facts)) if facts.titled else error


def _only(begun: Sequence[LocalRun]) -> LocalRun:
    """The run that a trainer has begun beside the checkpoints. Raises UimonError(RUN_NOT_FOUND) for none or several."""
    if not begun:
        sentence = (
            "No run is named, and no trainer has begun one beside the checkpoints: give the trainer's W&B run with "
            "--run-id (or WANDB_RUN_ID), or keep the results on this machine with --wandb off."
        )
        raise UimonError(Reason.RUN_NOT_FOUND, sentence)
    if len(begun) > 1:
        newest = ", ".join(run.run_id for run in begun[:3])
        sentence = (
            f"{len(begun)} runs were begun in {begun[0].path.parent} (the newest: {newest}); name the one that writes "
            "these checkpoints with --run-id."
        )
        raise UimonError(Reason.RUN_NOT_FOUND, sentence)
    return begun[0]


def _about_server(run: RunRef) -> tuple[str, ...]:
    """That the address of a run goes before WANDB_BASE_URL, where they differ."""
    configured = os.environ.get("WANDB_BASE_URL") or ""
    if run.server is None or not configured or normal_server(configured) == run.server:
        return ()
    return (
        f"The run's address names the server {run.server}; uimon uses that one and ignores WANDB_BASE_URL "
        f"({configured}).",
    )
