"""Which directories of a run are checkpoints, told by their names alone.

| written by | name | how it is known to be whole |
|---|---|---|
| transformers' Trainer, and TRL, Unsloth, Axolotl, LLaMA-Factory on it | `checkpoint-500` | its `trainer_state.json` |
| ms-swift | `v0-20261124-101500/checkpoint-500`; the newest such directory is the run | the same |
| torchtune, open-instruct, prime-rl and own loops | `step_500`, `step-500`, `global_step500`, `epoch_3` | see below |
| `--pattern 'model_{step}'` | whatever the pattern says | see below |
| `--pattern 'checkpoint-{step}/ui'` | `checkpoint-500`, of which the model in the folder `ui` is meant | see below |
| `save_model()` at the end | the run directory itself, as `final` | see below |

What need not have a `trainer_state.json` is whole once it has one, or a marker that its writer puts there last
(`COMPLETED`, `STABLE`, `.complete`), or when nothing in it has changed for a while (see `proof`). While a
directory has a temporary name (`tmp-checkpoint-500`), it is none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from watcher.checkpoints import layout
from watcher.model import FINAL_NAME, Reason, UimonError

# At most 18 digits, so that a step fits the ledger's 64-bit integers; no leading zero, so that two names are never
# the same step.
_STEP = "(?P<step>0|[1-9][0-9]{0,17})"
# Other writers pad with zeros, so that names sort.
_PADDED = "0*(?P<step>0|[1-9][0-9]{0,17})"
_SWIFT_RUN = re.compile(r"v(?P<version>[0-9]{1,6})-[0-9]{8}-[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Naming:
    """A way to name checkpoints: the whole name matches `pattern`, whose group `step` is the step.

    `confirmed`: the writer always leaves a `trainer_state.json`, which has to state that step. `epochs`: the number
    counts epochs, and the step is the one in a `trainer_state.json`, where there is one. `inside`: the folder of the
    checkpoint in which the model lies; empty where nobody has said so.
    """

    pattern: re.Pattern[str]
    confirmed: bool = False
    epochs: bool = False
    inside: str = ""


HUGGING_FACE = Naming(re.compile(f"checkpoint-{_STEP}"), confirmed=True)
NAMINGS = (
    HUGGING_FACE,
    Naming(re.compile(f"(?:global_?)?step[_-]?{_PADDED}")),
    Naming(re.compile(f"epoch[_-]?{_PADDED}"), epochs=True),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A directory whose name says that it is the checkpoint of `step`; nothing in it has been read yet.

    `name` is relative to the run directory. `confirmed`, `epochs` and `inside` are its naming's.
    """

    step: int
    name: str
    path: Path
    confirmed: bool = True
    epochs: bool = False
    inside: str = ""


def naming_of(pattern: str) -> Naming:
    """The naming that a user's pattern describes: text with `{step}` in it, once, and perhaps the model's folder.

    Raises UimonError(CONFIG_INVALID).

    >>> bool(naming_of("iter_{step}").pattern.fullmatch("iter_0000500"))
    True
    """
    directory, slash, inside = pattern.partition("/")
    before, mark, after = directory.partition("{step}")
    if not mark or "{step}" in after + inside or (slash and inside in ("", ".", "..")) or "/" in inside:
        raise UimonError(
            Reason.CONFIG_INVALID,
            f"The pattern {pattern!r} cannot be used: give the name of a checkpoint directory with {{step}} in the "
            "place of its step, such as 'iter_{step}', and the model's folder in it where it has several: "
            "'checkpoint-{step}/ui'.",
        )
    return Naming(re.compile(f"{re.escape(before)}{_PADDED}{re.escape(after)}"), inside=inside)


def step_of(name: str) -> int | None:
    """The step that a directory's name states; None where it is not the name of a checkpoint.

    >>> step_of("checkpoint-500"), step_of("tmp-checkpoint-500"), step_of("checkpoint-abc"), step_of("checkpoint-007")
    (500, None, None, None)
    >>> step_of("step_0500"), step_of("epoch_3")
    (500, 3)
    """
    matched = _match(name, NAMINGS)
    return None if matched is None else matched[1]


def counts_epochs(name: str) -> bool:
    """True for a directory that is named after an epoch."""
    matched = _match(name, NAMINGS)
    return matched is not None and matched[0].epochs


def discover(root: Path, namings: Sequence[Naming] = NAMINGS) -> tuple[Found, ...]:
    """The run's checkpoints, by ascending step; nothing where `root` does not exist (yet).

    Files and symbolic links are left out: a link such as `latest` is a second name, and the trainer writes none.
    Of directories with the same step the one that comes first in `namings` is first. The model in `root` itself comes
    last; its step is the one in its `trainer_state.json`, or else that of the newest checkpoint beside it, and without
    such a checkpoint it is left out.
    Raises UimonError(UNREADABLE) where `root` is no directory or may not be listed.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - `resolve` would give the directory another name than the user's
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
    known = tuple(namings)
    found = list(_found(root, folders, known))
    if (run := _newest_swift_run(folders)) is not None:
        found = _by_step([*found, *_in_swift_run(root, run, known)])
    if found and _is_model(names):
        found.append(Found(found[-1].step, FINAL_NAME, root, confirmed=False, epochs=True))
    return tuple(found)


def _list(root: Path) -> tuple[set[str], tuple[str, ...]]:
    """The names of files and of real directories in `root`."""
    with os.scandir(root) as entries:
        kinds = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    return {name for name, folder in kinds if not folder}, tuple(sorted(name for name, folder in kinds if folder))


def _match(name: str, namings: Sequence[Naming]) -> tuple[Naming, int] | None:
    for naming in namings:
        if match := naming.pattern.fullmatch(name):
            return naming, int(match["step"])
    return None


# A directory of thousands of checkpoints is listed every few seconds, and mostly has the names that it had before.
@lru_cache(maxsize=8)
def _found(root: Path, folders: tuple[str, ...], namings: tuple[Naming, ...], prefix: str = "") -> tuple[Found, ...]:
    found = []
    for name in folders:
        if (matched := _match(name, namings)) is not None:
            naming, step = matched
            path = root / name
            found.append(Found(step, f"{prefix}{name}", path, naming.confirmed, naming.epochs, naming.inside))
    return tuple(_by_step(found))


def _by_step(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda item: item.step)


@lru_cache(maxsize=8)
def _newest_swift_run(folders: tuple[str, ...]) -> str | None:
    """The directory of ms-swift's last start: it gives each start one, and earlier ones are other runs."""
    runs = [(int(match["version"]), name) for name in folders if (match := _SWIFT_RUN.fullmatch(name))]
    return max(runs)[1] if runs else None


def _in_swift_run(root: Path, run: str, namings: tuple[Naming, ...]) -> tuple[Found, ...]:
    try:
        _, inner = _list(root / run)
    except OSError:
        return ()  # deleted or closed in between: the next look tells
    return _found(root / run, inner, namings, f"{run}/")


def _is_model(names: set[str]) -> bool:
    """True where a directory's own files are a model's or an adapter's."""
    full = layout.CONFIG in names and bool(names & {layout.WEIGHTS, layout.INDEX})
    return full or {layout.ADAPTER_CONFIG, layout.ADAPTER_WEIGHTS} <= names
