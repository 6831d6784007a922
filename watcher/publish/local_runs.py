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


def newest_local_run(ckpts: Path, cwd: Path, environ: Mapping[str, str]) -> LocalRun | None:
    """The run begun last in the places where the SDK of a trainer that writes `ckpts` leaves its `wandb` directory:
    `WANDB_DIR`, beside the checkpoints, in their parent, in the current directory. None where there is none.
    """
    places = [Path(environ["WANDB_DIR"])] if environ.get("WANDB_DIR") else []
    found = [run for place in (*places, ckpts, ckpts.parent, cwd) for run in _runs(place / "wandb")]
    return max(found, key=lambda run: run.began, default=None)


def _runs(directory: Path) -> Iterator[LocalRun]:
    try:
        entries = list(directory.iterdir())
    except OSError:
        return
    for entry in entries:
        if (match := _NAME.fullmatch(entry.name)) and entry.is_dir():
            yield LocalRun(match["id"], entry, match["began"], match["offline"] is not None)
