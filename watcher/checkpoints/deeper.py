"""What lies deeper than uimon takes it from, or is not what its name says: only to name it in a sentence.

Nothing here is evaluated. Hydra keeps runs in `outputs/DATE/TIME`, LLaMA-Factory in `saves/MODEL/lora/RUN`, ms-swift in
`output/MODEL/v0-…`, and on clusters such a directory is often a link to a scratch disk. Which of several is meant
nobody but the user can say. The walk goes level by level and is bounded. Links to directories are followed where they
lead out of what is walked, but none that lies behind another one.
"""

from __future__ import annotations

import heapq
import itertools
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watcher.checkpoints.layouts import KNOWN, Layout, layout_of, step_of
from watcher.checkpoints.layouts.files import TRAINER_STATE, holds_weights

DEPTH = 4
"""Directories below the given one that are looked into."""
DIRECTORIES = 2000
"""Directories that are read at most: the user's word may have been a home directory."""
ENTRIES = 20_000
"""Entries of one directory that are read at most: some hold a data set's images."""
ALL_ENTRIES = 300_000
"""No further directory is read after so many entries: a file server gives some thousands in a second."""
SIBLINGS = 50
"""Of the directories in one place so many are read with their level, and so many more with each level below it: a
thousand samples side by side do not keep the walk from what lies beside them."""

_LONG_NUMBER = re.compile(r"[0-9]{19,}")
NAMED = 3
"""Directories that a sentence names."""


@dataclass(slots=True)
class _Folder:
    """A directory of the walk: what is in it, by name. `linked`: it was reached by a link."""

    path: Path
    depth: int
    linked: bool = False
    files: set[str] = field(default_factory=set)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def runs_below(root: Path, layouts: Sequence[Layout] = KNOWN) -> list[Path]:
    """Directories below `root`, or behind its links, that hold checkpoints; that with the newest one is first."""
    newest: dict[Path, float] = {}
    for folder in _walk(root, links=True):
        for name in filter(lambda name: _is_checkpoint(name, layouts), (*folder.folders, *folder.links)):
            place = folder.path
            if name in folder.links and _is_checkpoint((target := _target(place / name)).name, layouts):
                place = target.parent
            if place != root and not _is_same(place, root):
                newest[place] = max(newest.get(place, 0.0), _changed(folder.path / name))
    return sorted(newest, key=lambda place: newest[place], reverse=True)


def linked_checkpoints(root: Path, layouts: Sequence[Layout] = KNOWN) -> list[str]:
    """Names of links in `root` that are called as a checkpoint and lead to a directory outside of it."""
    folder = _read(_Folder(root, 0))
    return [
        name
        for name in (folder.links if folder else [])
        if _is_checkpoint(name, layouts) and not _is_same(_target(root / name).parent, root)
    ]


def name_others(root: Path, layouts: Sequence[Layout] = KNOWN) -> str:
    """For a directory without a checkpoint: what it is instead, or which directories hold some, in a sentence; empty
    where there is nothing to say.
    """
    return (
        name_itself(root, layouts)
        or name_links(root, layouts)
        or name_numberless(root, layouts)
        or name_runs(root, runs_below(root, layouts))
    )


def name_links(root: Path, layouts: Sequence[Layout] = KNOWN) -> str:
    """Which links in `root` are no checkpoints of it although they are called so, in a sentence; empty without one."""
    links = linked_checkpoints(root, layouts)
    if not links:
        return ""
    more = f" (and {len(links) - 1} more such links)" if len(links) > 1 else ""
    target = _target(root / links[0])
    way = f"name the directory {target.parent}" if _is_checkpoint(target.name, layouts) else "put the directory there"
    return (
        f"{root / links[0]}{more} is a link, which uimon does not follow: {way}, or evaluate it with "
        f"`uimon eval {shlex.quote(str(target))}`."
    )


def name_numberless(root: Path, layouts: Sequence[Layout] = KNOWN) -> str:
    """Which directories in `root` are called as the checkpoint of a step that is none, in a sentence; empty without."""
    folder = _read(_Folder(root, 0))
    found = [name for name in (folder.folders if folder else []) if _has_too_many_digits(name, layouts)]
    if not found:
        return ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return (
        f"{root / found[0]}{more} is named after a step of more than 18 digits, which no training reaches, so uimon "
        "does not evaluate it: name it after its own step."
    )


def _has_too_many_digits(name: str, layouts: Sequence[Layout]) -> bool:
    return not _is_checkpoint(name, layouts) and _is_checkpoint(_LONG_NUMBER.sub("1", name), layouts)


def name_runs(root: Path, runs: Sequence[Path]) -> str:
    """Which directories below `root`, or behind its links, hold checkpoints, in a sentence; empty where none does."""
    if not runs:
        return ""
    more = f", and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    named = ", ".join(map(str, runs[:NAMED]))
    where = "below it" if all(run.is_relative_to(root) for run in runs) else "behind its links"
    return f"{root} holds no checkpoint itself, but directories {where} do: {named}{more}; name the one you mean."


def name_itself(root: Path, layouts: Sequence[Layout] = KNOWN) -> str:
    """That a directory without checkpoints is one itself, or a model, in a sentence; empty where it is neither."""
    folder = _read(_Folder(root, 0))
    if folder is None or not (TRAINER_STATE in folder.files or holds_weights(folder.files)):
        return ""
    evaluated = f"`uimon eval {shlex.quote(str(root))}` evaluates it"
    if _is_checkpoint(root.name, layouts) or step_of(root.name) is not None:
        return f"{root} is a checkpoint itself: name {root.parent}, where the trainer saves them, or {evaluated}."
    if not holds_weights(folder.files):
        return ""  # a state alone, as torch leaves it in the directory of a run whose checkpoints were deleted
    return f"{root} holds a model and no {layouts[0].shown}: {evaluated}."


def models_below(path: Path) -> list[str]:
    """Folders of the checkpoint `path`, relative to it, that hold loadable weights."""
    return [
        folder.path.relative_to(path).as_posix()
        for folder in _walk(path)
        if folder.path != path and holds_weights(folder.files)
    ]


def _walk(root: Path, *, links: bool = False) -> Iterator[_Folder]:
    """Directories, level by level."""
    number = itertools.count()
    waiting = [(0, next(number), _Folder(root, 0))]
    known, entries = {_target(root)}, 0
    for _ in range(DIRECTORIES):
        if not waiting or entries >= ALL_ENTRIES:
            return
        folder = _read(heapq.heappop(waiting)[-1])
        if folder is None:
            continue  # gone, or closed to this user: nothing there can be named
        entries += len(folder.files) + len(folder.folders)
        yield folder
        if folder.depth >= DEPTH:
            continue
        inner = [_Folder(folder.path / name, folder.depth + 1, folder.linked) for name in _open(folder.folders)]
        if links and not folder.linked:
            inner += _behind_links(folder, known)
        for place, each in enumerate(inner):
            heapq.heappush(waiting, (each.depth + place // SIBLINGS, next(number), each))


def _behind_links(folder: _Folder, known: set[Path]) -> Iterator[_Folder]:
    """The directories to which links lead that are not walked anyway, each once; `known` begins with the root."""
    for name in _open(folder.links):
        target = _target(folder.path / name)
        if not any(target.is_relative_to(place) or place.is_relative_to(target) for place in known):
            known.add(target)
            yield _Folder(folder.path / name, folder.depth + 1, linked=True)


def _open(names: Sequence[str]) -> list[str]:
    """Without hidden directories, which are caches."""
    return [name for name in names if not name.startswith(".")]


def _read(folder: _Folder) -> _Folder | None:
    """The folder with what is in it; None where it cannot be listed."""
    try:
        with os.scandir(folder.path) as entries:
            for entry in itertools.islice(entries, ENTRIES):
                if entry.is_dir(follow_symlinks=False):
                    folder.folders.append(entry.name)
                elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112 - False where it leads nowhere
                    folder.links.append(entry.name)
                else:
                    folder.files.add(entry.name)
    except OSError:
        return None
    folder.folders.sort()
    folder.links.sort()
    return folder


def _is_checkpoint(name: str, layouts: Sequence[Layout]) -> bool:
    return layout_of(name, layouts) is not None


def _target(path: Path) -> Path:
    """Where a path really leads."""
    return Path(os.path.realpath(path))


def _is_same(place: Path, other: Path) -> bool:
    return _target(place) == _target(other)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
