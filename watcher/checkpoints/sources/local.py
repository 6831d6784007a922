"""Where checkpoints come from: a directory that a trainer writes into, or a list of them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.checkpoints import KNOWN, DirectoryWaker, Layout, StepMetadata, base_model, discover, inspect
from watcher.checkpoints.deeper import name_links, name_numberless, name_others
from watcher.checkpoints.layouts.completeness import LONG_SILENCE_S, QUIET_S
from watcher.checkpoints.layouts.files import may_hold_model
from watcher.checkpoints.sources.source import NONE_AWAITED, Awaited
from watcher.checkpoints.sources.waker import NEWEST
from watcher.model import BASE_NAME, FINAL_NAME, Checkpoint, Condition
from watcher.system.mounts import renumbers_files

Glance = tuple[tuple[str, int, int, int], ...]
_DEEPEST, _MOST = 6, 5000
"""Levels below a checkpoint, and entries in them, that are looked at for a writer that is not done."""
_DOWNLOADS = ".cache/huggingface/download"
"""Where `hf download --local-dir` lets files grow, below that directory, before it puts them in their place."""
_RECENT = 25
"""So many of the newest checkpoints are looked into at each look."""
_TURNS = 24
"""Of the complete ones before them one in so many, in turn: a run of 10,000 checkpoints costs little to watch, and a
step that its trainer writes again is seen within two minutes at the usual five seconds a look."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """A directory's content as it was seen first, `since` then, and whether it was complete. `below`: what is not
    looked at any more once it is complete.
    """

    glance: Glance
    since: float
    complete: bool = False
    below: Glance = ()


class DirectorySource:
    """The checkpoints of a live run. What did not change since it was found complete is not read again.

    `baseline` is the base model, which comes as step 0. Where it is not known yet, `base_of` tells it of an adapter
    that names one, or None while that base is not here; it comes before the first adapter of which it does.
    `clock` counts seconds and never jumps: what shows by its silence alone that it is whole is timed with it.
    """

    def __init__(
        self,
        root: Path,
        waker: DirectoryWaker,
        baseline: Path | None = None,
        layouts: Sequence[Layout] = KNOWN,
        clock: Callable[[], float] = time.monotonic,
        base_of: Callable[[Checkpoint], Path | None] | None = None,
    ) -> None:
        self._root = root
        self._waker = waker
        self._layouts = layouts
        self._clock = clock
        self._base = base_model(baseline) if baseline is not None else None
        self._base_of = base_of
        self._known: dict[str, _Memory] = {}
        # Of those alone that somebody waits for: the files of 10,000 that are settled would fill the memory.
        self._readings: dict[str, Checkpoint] = {}
        self._names: set[str] = set()
        self._came: set[str] = set()
        self._newest: Sequence[Path] | None = None
        self._looks = 0
        self._renumbered = False

    def look(self, awaited: Awaited = NONE_AWAITED) -> Iterator[Checkpoint] | None:
        """Every checkpoint that changed since it was last read, or that is `awaited` and was not read as what it is on
        record; None while the directory does not exist.
        """
        self._newest = None
        found = self._found()
        if found is None:
            # What comes back, as on a disk that is mounted again, is looked into anew.
            self._known.clear()
            self._readings.clear()
            return None
        self._newest = [place.path for place in found[-NEWEST:]]
        places = [*([self._base] if self._base else []), *found]
        self._came = {place.name for place in places} - self._names if self._looks else set()
        self._names = {place.name for place in places}
        self._known = {name: known for name, known in self._known.items() if name in self._names}
        kept = (name for name in self._readings if name in awaited and name in self._names)
        self._readings = {name: self._readings[name] for name in kept}
        self._doubt(awaited)
        return self._changed(places)

    def readings(self) -> Mapping[str, Checkpoint]:
        """As they were last read: all that the last look has brought, and all that were awaited."""
        return self._readings

    def names(self) -> Iterable[str]:
        """Names of the checkpoints that were there at the last look."""
        return self._names

    def elsewhere(self) -> str:
        """What else is there that is not evaluated, in a sentence: links and numbers that are no steps beside the
        checkpoints, and without one what the directory is instead, or where deeper down some are; else empty.
        """
        if not self._names - {BASE_NAME}:
            return name_others(self._root, self._layouts)
        return name_links(self._root, self._layouts) or name_numberless(self._root, self._layouts)

    def forget(self, name: str) -> None:
        """The next look brings this checkpoint, whatever has changed in it."""
        self._known.pop(name, None)
        self._readings.pop(name, None)

    def mark(self, name: str) -> str:
        """Tells the content of a checkpoint, as it was found complete, from any other; empty where it is not known."""
        known = self._known.get(name)
        return _mark(known.glance) if known is not None and known.complete else ""

    def unchanged(self, marks: Mapping[str, str]) -> frozenset[str]:
        """Of checkpoints that were complete with these marks those that have them still: the next look does not bring
        them. Nothing but the names, sizes and times of their files is read.
        """
        same: dict[str, _Memory] = {}
        for place in self._found() or ():
            if place.name in marks:
                glance = self._steady(_glance(place.path, deep=place.name != FINAL_NAME))
                if _mark(glance) == marks[place.name]:
                    same[place.name] = _Memory(glance, self._clock(), complete=True)
        self._known |= same
        return frozenset(same)

    def at(self, name: str) -> Checkpoint | None:
        """A checkpoint that is there and was complete, as it stands."""
        place = next((place for place in self._found() or () if place.name == name), None)
        return None if place is None else inspect(place, QUIET_S)

    def wait(self, timeout: float) -> None:
        """Sleep until something happens in the directory, at most `timeout` seconds."""
        self._waker.wait(timeout, self._newest)

    def _found(self) -> Sequence[StepMetadata] | None:
        # Unlike Path.is_dir, this is False and no error where the file system does not answer.
        if not os.path.isdir(self._root):  # noqa: PTH112
            return None
        self._renumbered = renumbers_files(self._root)
        return discover(self._root, self._layouts)

    def _changed(self, places: Sequence[StepMetadata]) -> Iterator[Checkpoint]:
        self._looks += 1
        for number, place in enumerate(places):
            old = number < len(places) - _RECENT and (number + self._looks) % _TURNS
            if old and (known := self._known.get(place.name)) is not None and known.complete:
                continue
            # Beside the model in the run directory lie the checkpoints, which are none of its folders.
            glance, now = self._steady(_glance(place.path, deep=place.name != FINAL_NAME)), self._clock()
            known = self._known.get(place.name)
            if known is not None and known.complete and known.glance == glance:
                continue
            # Hundreds of shards below each of many checkpoints that nobody completes any more are read now and then.
            idle = known is not None and now - known.since >= LONG_SILENCE_S and (number + self._looks) % _TURNS
            below = known.below if known is not None and idle else self._below(place)
            if known is None or (known.glance, known.below) != (glance, below):
                # What was not there a look ago is new, whatever its writer's clock says.
                timed = known is None and place.name not in self._came
                silence = _quiet_seconds(place.path, glance + below) if timed else 0.0
                known = self._known[place.name] = _Memory(glance, now - silence, below=below)
            found = _unless_downloading(inspect(place, now - known.since), known.below, now - known.since)
            if found.condition is Condition.COMPLETE:
                self._known[place.name] = replace(known, complete=True)
            if self._base is None and self._base_of is not None and found.base is not None:
                yield from self._named_base(found)
            yield self._read(found)

    def _doubt(self, awaited: Awaited) -> None:
        """What is awaited, and was not read as what it is on record or is not kept as it was read, is read again."""
        for name, condition in awaited.items():
            known = self._known.get(name)
            as_read = condition is Condition.COMPLETE and name in self._readings
            if known is not None and known.complete and not as_read:
                self._known[name] = replace(known, complete=False)

    def _read(self, found: Checkpoint) -> Checkpoint:
        # Without the losses, which would be kept once more for every checkpoint of a long run.
        self._readings[found.name] = replace(found, trainer=None)
        return found

    def _named_base(self, adapter: Checkpoint) -> Iterator[Checkpoint]:
        """The base that the adapter names, if it is here; from the next look on it is one of the places."""
        assert self._base_of is not None
        if (path := self._base_of(adapter)) is not None:
            self._base = base_model(path)
            self._names.add(BASE_NAME)
            yield self._read(inspect(self._base))

    def _below(self, place: StepMetadata) -> Glance:
        """All that shows that a writer is not done with it: its folders, whatever they hold, and a download into it.

        Beside the model in the run directory lie the checkpoints, which are none of its folders.
        """
        download = self._root / _DOWNLOADS
        if place.name == FINAL_NAME:
            return self._steady(_everything(download))
        return self._steady(_everything(place.path) + _everything(download / place.name))

    def _steady(self, glance: Glance) -> Glance:
        """Without inodes where these change by themselves: nothing would ever be silent there."""
        return tuple((*file[:3], 0) for file in glance) if self._renumbered else glance


class ListSource:
    """Checkpoints named one by one; each is looked at once, and again where it is awaited as something else."""

    def __init__(self, named: Sequence[StepMetadata], sleep: Callable[[float], None] = time.sleep) -> None:
        self._named = {found.name: found for found in named}
        self._readings: dict[str, Checkpoint] = {}
        self._sleep = sleep

    def look(self, awaited: Awaited = NONE_AWAITED) -> list[Checkpoint]:
        """All of them the first time; later those that are `awaited` and were not read as what they are on record."""
        found = [inspect(place) for name, place in self._named.items() if self._is_due(name, awaited)]
        self._readings |= {checkpoint.name: replace(checkpoint, trainer=None) for checkpoint in found}
        return found

    def _is_due(self, name: str, awaited: Awaited) -> bool:
        reading = self._readings.get(name)
        return reading is None or awaited.get(name, reading.condition) is not reading.condition

    def readings(self) -> Mapping[str, Checkpoint]:
        """All of them, as they were last read."""
        return self._readings

    def forget(self, name: str) -> None:
        """The next look brings this checkpoint, if it was named."""
        self._readings.pop(name, None)

    def names(self) -> None:
        """Nothing is known of other checkpoints than those named."""

    def mark(self, name: str) -> str:  # noqa: ARG002
        """Each is looked at whenever it is named."""
        return ""

    def unchanged(self, marks: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG002
        """Each is looked at whenever it is named."""
        return frozenset()

    def at(self, name: str) -> Checkpoint | None:
        """A checkpoint that was named, as it stands."""
        return inspect(self._named[name]) if name in self._named else None

    def elsewhere(self) -> str:
        """Those that were named are all."""
        return ""

    def wait(self, timeout: float) -> None:
        """Nothing will change; sleep."""
        self._sleep(timeout)


def _mark(glance: Glance) -> str:
    return hashlib.sha256(repr(glance).encode(errors="backslashreplace")).hexdigest()[:32]


def _glance(path: Path, *, deep: bool) -> Glance:
    """Names, sizes, mtimes and inodes of a directory's files, and where it is `deep` of those in folders that may hold
    its model: cheap, and enough to see that something was written.
    """
    try:
        with os.scandir(path) as entries:
            return tuple(sorted(stamp for entry in entries for stamp in _stamps(entry, deep=deep)))
    except OSError:
        return ()


def _stamps(entry: os.DirEntry[str], *, deep: bool) -> Iterator[tuple[str, int, int, int]]:
    try:
        status = entry.stat()
        yield entry.name, status.st_size, status.st_mtime_ns, status.st_ino
        if deep and entry.is_dir(follow_symlinks=False) and may_hold_model(entry.name):
            with os.scandir(entry.path) as inner:
                for file in inner:
                    status = file.stat()
                    yield f"{entry.name}/{file.name}", status.st_size, status.st_mtime_ns, status.st_ino
    except OSError:
        return  # a link that leads nowhere, or a file that is gone


def _everything(path: Path) -> Glance:
    """Sizes, mtimes and inodes of all that lies below a directory, as far as `_DEEPEST` and `_MOST` allow; links are
    not followed.
    """
    found: list[tuple[str, int, int, int]] = []
    for folder, folders, files in os.walk(path):
        for name in (*files, *folders):
            try:
                status = os.lstat(f"{folder}/{name}")
            except OSError:
                continue  # gone in between, as temporary files are
            found.append((f"{folder}/{name}", status.st_size, status.st_mtime_ns, status.st_ino))
        if len(found) >= _MOST:
            break
        if folder.count("/") - str(path).count("/") >= _DEEPEST:
            folders.clear()
    return tuple(sorted(found[:_MOST]))


def _unless_downloading(found: Checkpoint, below: Glance, quiet: float) -> Checkpoint:
    """What cannot be evaluated as it stands is unfinished while a download goes on, which brings small files first."""
    waits = found.condition is Condition.UNSUPPORTED and quiet < QUIET_S
    if waits and any(name.endswith(".incomplete") and _DOWNLOADS in name for name, *_ in below):
        return replace(found, condition=Condition.PARTIAL, settling=True)
    return found


def _quiet_seconds(path: Path, glance: Glance) -> float:
    """For how many seconds nothing has changed in a directory that was there when uimon came.

    By the clocks of two machines, maybe, so only a silence that is longer than they are apart counts. Where they are
    further apart, and the writer's is behind, what is half written is taken for abandoned until it grows.
    """
    try:
        # What is empty has no other time than its own.
        newest = max((mtime for _, _, mtime, _ in glance), default=path.stat().st_mtime_ns)
    except OSError:
        return 0.0
    age = time.time() - newest / 1e9
    return age if age >= LONG_SILENCE_S else 0.0
