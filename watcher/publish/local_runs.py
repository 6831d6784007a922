"""The W&B run that a trainer on this machine has begun, by the directories that the SDK leaves beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# What the SDK names a run's directory: when it began, and the run's id.
_NAME = re.compile(r"(?P<offline>offline-)?run-(?P<began>\d{8}_\d{6})-(?P<id>[^/\\#?%:\s]{1,128})")


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run's directory. `began` is local time as the SDK writes it, `offline` where it sends nothing to W&B."""

    run_id: str
    path: Path
    began: str
    offline: bool


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
