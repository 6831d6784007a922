"""One look at a directory, as the source, `eval` and `doctor` take it, for tests that name a path and a step."""

from __future__ import annotations

from pathlib import Path

import watcher.checkpoints
from watcher.checkpoints import Layout, StepMetadata, named
from watcher.checkpoints.layouts.huggingface import HUGGING_FACE
from watcher.model import Checkpoint


def inspect(path: Path, step: int | None = None, layout: Layout = HUGGING_FACE, *, quiet: float = 0.0) -> Checkpoint:
    """What `path` is as the checkpoint of `step`; without a step, as a directory that somebody has named."""
    candidate = named(path) if step is None else StepMetadata(step, path.name, path.absolute(), layout)
    return watcher.checkpoints.inspect(candidate, quiet)
