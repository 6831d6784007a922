"""Which directories of a run are checkpoints, told by their names alone (see `layouts`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from watcher.checkpoints.layouts import KNOWN, Layout, layout_of
from watcher.checkpoints.layouts.completeness import NoCheck
from watcher.checkpoints.layouts.exported import BASE, FINAL
from watcher.checkpoints.layouts.files import ADAPTER_CONFIG, ADAPTER_WEIGHTS, CONFIG, INDEX, WEIGHTS
from watcher.checkpoints.layouts.layout import Start
from watcher.model import BASE_NAME, FINAL_NAME, Reason, UimonError


@dataclass(frozen=True, slots=True)
class StepMetadata:
    """A directory that is a checkpoint by its name, or because somebody says so; nothing in it has been read yet.

    `step` is None where the name states none. `name` is relative to the run directory. `layout` is that of its writer.
    """

    step: int | None
    name: str
    path: Path
    layout: Layout


def named(path: Path, layouts: Sequence[Layout] = KNOWN) -> StepMetadata:
    """The directory `path`, which somebody has named on its own, so that nobody is writing it."""
    path = _absolute(path)
    layout = layout_of(path.name, (*layouts, *KNOWN)) or BASE
    return StepMetadata(layout.step_of(path.name), path.name, path, replace(layout, commit=NoCheck()))


def writers_directory(found: StepMetadata, layouts: Sequence[Layout] = KNOWN) -> Path:
    """The directory that the writer of a checkpoint has for itself: the run's where its name is that of a checkpoint,
    else its own, because beside an exported model anything may lie.
    """
    if found.layout.step_of(found.path.name) is None:
        return found.path
    run = found.path.parent
    starts = {layout.start((run.name,)) for layout in (*layouts, *KNOWN)}
    return run.parent if run.name in starts else run


def base_model(path: Path) -> StepMetadata:
    """The model in `path` as the checkpoint of step 0."""
    return StepMetadata(0, BASE_NAME, _absolute(path), BASE)


def discover(root: Path, layouts: Sequence[Layout] = KNOWN) -> tuple[StepMetadata, ...]:
    """The run's checkpoints, by ascending step; nothing where `root` does not exist (yet).

    Files and symbolic links are left out: a link such as `latest` is a second name, and the trainer writes none.
    Directories with the same step are sorted by name. The model in `root` itself comes last; its step is the one in its
    `trainer_state.json`, or else that of the newest checkpoint beside it, and without such a checkpoint it is left out.
    Raises UimonError(UNREADABLE) where `root` is no directory or may not be listed.
    """
    root = _absolute(root)
    try:
        names, folders = _list(root)
    except FileNotFoundError:
        return ()
    except NotADirectoryError:
        raise UimonError(Reason.UNREADABLE, f"{root} is not a directory; name the run's output directory.") from None
    except OSError as error:
        raise UimonError(
            Reason.UNREADABLE, f"{root} cannot be listed ({error.strerror}); check its permissions and the mount."
        ) from None
    parts = [part for start, group in _by_start(layouts) if (part := _started(root, folders, start(folders), group))]
    found = parts[0] if len(parts) == 1 else _by_step(candidate for part in parts for candidate in part)
    if found and _is_model(names):
        return (*found, StepMetadata(found[-1].step, FINAL_NAME, root, FINAL))
    return found


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would give the directory another name than the user's


def _list(root: Path) -> tuple[set[str], tuple[str, ...]]:
    """The names of files and of real directories in `root`."""
    with os.scandir(root) as entries:
        kinds = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    return {name for name, folder in kinds if not folder}, tuple(sorted(name for name, folder in kinds if folder))


def _by_start(layouts: Sequence[Layout]) -> Iterator[tuple[Start, tuple[Layout, ...]]]:
    """The layouts that have their checkpoints in the same place, which is listed once for all of them."""
    for start in dict.fromkeys(layout.start for layout in layouts):
        yield start, tuple(layout for layout in layouts if layout.start is start)


def _started(
    root: Path, folders: tuple[str, ...], start: str | None, layouts: tuple[Layout, ...]
) -> tuple[StepMetadata, ...]:
    """The checkpoints of layouts that have them in the folder `start` of the run's directory (see `Layout.start`)."""
    if start is None:
        return ()
    if not start:
        return _found(root, folders, layouts)
    try:
        _, below = _list(root / start)
    except OSError:
        return ()  # deleted or closed in between: the next look tells
    return _found(root / start, below, layouts, f"{start}/")


# A directory of thousands of checkpoints is listed every few seconds, and mostly has the names that it had before.
@lru_cache(maxsize=8)
def _found(
    root: Path, folders: tuple[str, ...], layouts: tuple[Layout, ...], prefix: str = ""
) -> tuple[StepMetadata, ...]:
    known = ((name, layout) for name in folders if (layout := layout_of(name, layouts)) is not None)
    return _by_step(
        StepMetadata(layout.step_of(name), f"{prefix}{name}", root / name, layout) for name, layout in known
    )


def _by_step(found: Iterable[StepMetadata]) -> tuple[StepMetadata, ...]:
    return tuple(sorted(found, key=attrgetter("step")))


def _is_model(names: set[str]) -> bool:
    """True where a directory's own files are a model's or an adapter's."""
    full = CONFIG in names and bool(names & {WEIGHTS, INDEX})
    return full or {ADAPTER_CONFIG, ADAPTER_WEIGHTS} <= names
