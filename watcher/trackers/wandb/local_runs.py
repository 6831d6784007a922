"""The W&B run that a trainer on this machine has begun, by the directories that the SDK leaves beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.system.files import read_tail
from watcher.trackers.wandb.run_file import run_of

# What the SDK names a run's directory: when it began, and the run's id.
_NAME = re.compile(r"(?P<offline>offline-)?run-(?P<began>\d{8}_\d{6})-(?P<id>[^/\\#?%:\s]{1,128})")


_LOG = 1 << 20


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run's directory. `began` is local time as the SDK writes it, `offline` where it sends nothing to W&B.

    `entity` and `project` are those that its files name, None where they do not (yet) or were not read
    (`with_project`). Its server is not read there: what lies beside checkpoints is not to decide where a key is sent.
    """

    run_id: str
    path: Path
    began: str
    offline: bool
    entity: str | None = None
    project: str | None = None


def local_runs(ckpts: Path, cwd: Path, environ: Mapping[str, str]) -> list[LocalRun]:
    """The runs that were begun where the SDK of a trainer that writes `ckpts` would leave its `wandb` directory, newest
    first.

    The places are `WANDB_DIR`, the checkpoints' directory, its parent, the current directory; the first one that holds
    a run is the one. Which of several runs writes the checkpoints does not show in it while they live.
    """
    places = [Path(environ["WANDB_DIR"])] if environ.get("WANDB_DIR") else []
    for place in (*places, ckpts, ckpts.parent, cwd):
        if found := list(_runs(place / "wandb")):
            return sorted(found, key=lambda run: run.began, reverse=True)
    return []


def _runs(directory: Path) -> Iterator[LocalRun]:
    try:
        entries = list(directory.iterdir())
    except OSError:
        return
    for entry in entries:
        if (match := _NAME.fullmatch(entry.name)) and entry.is_dir():
            yield LocalRun(match["id"], entry, match["began"], match["offline"] is not None)


def with_project(run: LocalRun) -> LocalRun:
    """The run with entity and project as its files name them: the SDK's own record, else its log of the run's end."""
    entity, project = run_of(run.path / f"run-{run.run_id}.wandb")
    if entity is None or project is None:
        try:
            text = read_tail(run.path / "logs" / "debug.log", _LOG).decode("utf-8", "replace")
        except OSError:
            text = ""
        found = re.findall(rf"finishing run ([^/\s]+)/([^/\s]+)/{re.escape(run.run_id)}\s", text)
        entity, project = found[-1] if found else (entity, project)
    return replace(run, entity=entity, project=project)
