"""What lies deeper than uimon takes it from: only to name it in a sentence. Nothing here is evaluated.

Hydra keeps runs in `outputs/DATE/TIME`, LLaMA-Factory in `saves/MODEL/lora/RUN`, ms-swift in `output/MODEL/v0-…`.
Which of several is meant nobody but the user can say. The walk is bounded, and follows no link.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from watcher.checkpoints import layout
from watcher.checkpoints.discovery import NAMINGS, Naming

DEPTH = 4
"""Directories below the given one that are looked into."""
ENTRIES = 5000
"""Entries that are read at most: the user's word may have been a home directory."""

NAMED = 3
"""Directories that a sentence names."""


def runs_below(root: Path, namings: Sequence[Naming] = NAMINGS) -> list[Path]:
    """Directories below `root` that hold checkpoints, the one with the newest checkpoint first."""
    newest: dict[Path, float] = {}
    for folder, _, folders in _walk(root):
        times = [
            _changed(folder / name) for name in folders if any(naming.pattern.fullmatch(name) for naming in namings)
        ]
        if times and folder != root:
            newest[folder] = max(times)
    return sorted(newest, key=lambda folder: newest[folder], reverse=True)


def name_runs(root: Path, runs: Sequence[Path]) -> str:
    """Which directories below `root` hold checkpoints, in a sentence; empty where none does."""
    if not runs:
        return ""
    more = f", and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    named = ", ".join(map(str, runs[:NAMED]))
    return f"{root} holds no checkpoint itself, but directories below it do: {named}{more}; name the one that is meant."


def models_below(path: Path) -> list[str]:
    """Folders of the checkpoint `path`, relative to it, that hold loadable weights."""
    return [
        folder.relative_to(path).as_posix()
        for folder, names, _ in _walk(path)
        if folder != path and layout.holds_weights(names)
    ]


def _walk(root: Path) -> Iterator[tuple[Path, set[str], list[str]]]:
    """Directories with the names of their files and of their folders, level by level."""
    waiting, left = deque([(root, 0)]), ENTRIES
    while waiting and left > 0:
        folder, depth = waiting.popleft()
        names: set[str] = set()
        folders: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    left -= 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    else:
                        names.add(entry.name)
                    if left <= 0:
                        break
        except OSError:
            continue  # gone, or closed to this user: nothing there can be named
        yield folder, names, sorted(folders)
        if depth < DEPTH:
            waiting.extend((folder / name, depth + 1) for name in sorted(folders) if not name.startswith("."))


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
