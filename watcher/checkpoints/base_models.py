"""An adapter's base model: how it is named, and where on this machine it is.

| what is named                         | what is taken                                                             |
| ------------------------------------- | ------------------------------------------------------------------------- |
| `--base DIR`                          | that directory as it is; with a revision, only the cache's snapshot of it |
| `--base NAME@REVISION`                | that revision, out of the local Hugging Face cache; 7 digits of a commit do |
| `--base NAME`, as the adapter has it  | the adapter's own revision of it                                          |
| `--base NAME`, another one            | its revision `main`                                                       |
| by the adapter: a directory           | that directory; transformers, too, knows no revision of one             |
| by the adapter: a relative path       | the only model at that path below the directories around the checkpoint |
| by the adapter: a name                | the adapter's revision of it, out of the cache                            |
| by the adapter: a snapshot's path     | the same snapshot in this machine's cache                                 |

Nothing is ever downloaded, and what is not here is no reason to take another revision.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import NoReturn, Self

from watcher.checkpoints.layouts.files import CONFIG, weights_in
from watcher.model import Reason, UimonError
from watcher.system.files import read_text

MAIN = "main"
_REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]*")
_HUB_NAME = re.compile(r"(?!.*(?:\.\.|--))\w[\w.-]*(?:/\w[\w.-]*)?")
_SNAPSHOT = re.compile(
    r".*[/\\]models--(?P<owner>[\w.-]+)--(?P<name>[\w.-]+)[/\\]snapshots[/\\](?P<commit>[0-9a-f]{40})[/\\]?"
)
_SHORTEST_COMMIT = 7
_SHORT_COMMIT = re.compile(rf"[0-9a-f]{{{_SHORTEST_COMMIT},39}}")


@dataclass(frozen=True, slots=True)
class BaseName:
    """A base model as somebody names it: a directory or a hub name, and its revision, empty for `main`."""

    name: str
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME` or `NAME@REVISION`; a directory that is here is a name as a whole.

        >>> BaseName.parse("acme/tiny@refs/pr/1")
        BaseName(name='acme/tiny', revision='refs/pr/1')
        >>> BaseName.parse("/models/a@b@main")
        BaseName(name='/models/a@b', revision='')
        """
        name, _, revision = text.rpartition("@")
        if not name or not _REVISION.fullmatch(revision) or _is_directory(text):
            return cls(text)
        return cls(name, "" if revision == MAIN else revision)

    @classmethod
    def of_adapter(cls, config: dict[str, object]) -> str | None:
        """The base that an `adapter_config.json` names, as the text that `parse` reads; None where it names none.

        >>> BaseName.of_adapter({"base_model_name_or_path": "acme/tiny", "revision": "stable"})
        'acme/tiny@stable'
        """
        name, revision = config.get("base_model_name_or_path"), config.get("revision")
        if not isinstance(name, str) or not name:
            return None
        # JSON can hold lone surrogates, which no path and no database can.
        name = name.encode(errors="backslashreplace").decode()
        pinned = revision if isinstance(revision, str) and revision not in ("", MAIN) else ""
        pinned = pinned.encode(errors="backslashreplace").decode()
        return f"{name}@{pinned or MAIN}" if pinned or "@" in name else name

    @property
    def is_hub_name(self) -> bool:
        """Whether it could be a repository of the hub: `name` or `owner/name`."""
        return _HUB_NAME.fullmatch(self.name) is not None

    def __str__(self) -> str:
        return f"{self.name} at revision {self.revision}" if self.revision else self.name


def resolve_base(
    named: str | None,
    configured: str | None,
    near: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """The directory of an adapter's base model, by the table above.

    `configured` is `--base`, `named` the adapter's word (see `BaseName.of_adapter`), and `near` the adapter's own
    directory. `say` is told, in a sentence, what was taken in a way that a person should know of. Raises
    UimonError(BASE_MODEL_MISSING) with what to do.
    """
    own = BaseName.parse(named) if named else None
    if configured:
        # Unlike Path.expanduser, this is no error for a user that is not there.
        text = os.path.expanduser(configured)  # noqa: PTH111
        return _users(BaseName.parse(text), own, say)
    if own is None:
        raise UimonError(Reason.BASE_MODEL_MISSING, "The adapter does not name its base model; name it with --base.")
    return _adapters(own, near, say)


def _users(wanted: BaseName, own: BaseName | None, say: Callable[[str], None]) -> Path:
    """What `--base` names."""
    if _is_directory(wanted.name):
        place = Path(wanted.name).resolve()
        if wanted.revision and not _is_snapshot(place, wanted.revision):
            what = f"--base: {wanted.name} is a directory, which has no revision {wanted.revision!r}; "
            what += "name the directory alone, or the model's name on the hub."
            raise UimonError(Reason.BASE_MODEL_MISSING, what)
        if own is not None and own.revision and not _is_snapshot(place, own.revision):
            say(f"The adapters name {own}; --base names the directory {place}, and uimon uses that directory as it is.")
        return place
    if own is not None and own.revision and wanted.revision != own.revision:
        if wanted == BaseName(own.name):
            wanted = own
        else:
            taken = BaseName(wanted.name, wanted.revision or MAIN)
            say(f"The adapters name {own}, but --base names {taken}; uimon uses the latter.")
    cached = _in_cache(wanted)
    if cached is None:
        _refuse_missing(wanted, "--base names")
    return cached


def _adapters(own: BaseName, near: Path | None, say: Callable[[str], None]) -> Path:
    """What the adapter names."""
    if _is_directory(own.name):
        place = Path(own.name).resolve()
        if own.revision and not _is_snapshot(place, own.revision):
            said = f"The adapters name revision {own.revision} of {own.name}, but that is a directory, which has none; "
            say(f"{said}uimon uses it as it is, as training did.")
        return place
    cached = _in_cache(_of_snapshot(own.name) or own)
    around = _around(own.name, near)
    if len(around) + (cached is not None) > 1:
        places = ", ".join(map(str, [*around, *([cached] if cached else [])]))
        what = f"The base model {own.name!r} could be any of {places}; name the right one with --base."
        raise UimonError(Reason.BASE_MODEL_MISSING, what)
    if around:
        say(f"The adapters name their base by the relative path {own.name!r}; it was found as {around[0]}.")
        return around[0]
    if cached is None:
        _refuse_missing(own, "The adapter names")
    return cached


def _around(name: str, near: Path | None) -> list[Path]:
    """The models at a relative path below the directories around the adapter, in any of which its trainer may have been
    started."""
    if near is None or Path(name).is_absolute() or _is_windows(name) or name[0] == "~":
        return []
    places = {(parent / name).resolve() for parent in near.parents}
    return sorted(place for place in places if _holds_model(place))


def _holds_model(place: Path) -> bool:
    try:
        return (place / CONFIG).is_file() and bool(weights_in(place))
    except OSError:
        return False


def _refuse_missing(wanted: BaseName, who: str) -> NoReturn:
    """Say that a base is not on this machine, and what to do about it."""
    what = f"{who} the base model {wanted.name!r}"
    if wanted.revision:
        what += f" at revision {wanted.revision!r}"
    if wanted.revision and _in_cache(BaseName(wanted.name)) is not None:
        what += ", and only another revision of it is in the Hugging Face cache; "
    else:
        what += ", which is neither a directory here nor in the Hugging Face cache; "
    raise UimonError(Reason.BASE_MODEL_MISSING, what + _advice(wanted))


def _advice(wanted: BaseName) -> str:
    """What to do about a base that is not here."""
    name = wanted.name
    if name.endswith("bnb-4bit"):
        return "it is quantized, and adapters are served over the model it was made from: name that with --base."
    if (snapshot := _of_snapshot(name)) is not None:
        fetch = f"fetch the same snapshot (`{_download(snapshot)}`)"
        return f"{fetch}, or name the model's directory on this machine with --base."
    if Path(name).is_absolute() or _is_windows(name) or name[0] in ".~":
        return "the path is one on the trainer's machine: name the model's directory on this one with --base."
    relative = "it may be a path on the trainer's machine, relative to where the trainer was started: name the model's "
    relative += "directory on this one with --base"
    if not wanted.is_hub_name:
        return f"{relative}."
    if wanted.revision:
        return f"fetch it (`{_download(wanted)}`), or name its directory with --base."
    return f"fetch it if it is a model of the hub (`{_download(wanted)}`); or {relative}."


def _download(wanted: BaseName) -> str:
    return f"hf download {wanted.name}" + (f" --revision {wanted.revision}" if wanted.revision else "")


def _is_directory(name: str) -> bool:
    # Unlike Path.is_dir, this is False and no error where the path lies behind somebody else's directory.
    return os.path.isdir(name)  # noqa: PTH112


def _is_windows(name: str) -> bool:
    """Whether a name is a path as Windows writes it: with a drive, on a share, or with backslashes."""
    return "\\" in name or bool(PureWindowsPath(name).drive)


def _of_snapshot(name: str) -> BaseName | None:
    """The model and commit of a path into some machine's Hugging Face cache."""
    found = _SNAPSHOT.fullmatch(name)
    return BaseName(f"{found['owner']}/{found['name']}", found["commit"]) if found else None


def snapshot_of(place: Path) -> str:
    """A directory for a sentence: the model's name and commit where it is a snapshot of the cache, else its path."""
    found = _of_snapshot(str(place))
    return f"{found.name} at commit {found.revision[:12]}" if found else str(place)


def are_other_weights(one: Path, other: Path) -> bool:
    """Whether two directories are snapshots of the cache with other weights; False for what is not in the cache.

    Of two revisions many files are the same: a snapshot's files are links to their content, which is kept once.
    """
    if _of_snapshot(str(one)) is None or _of_snapshot(str(other)) is None:
        return False
    kept = [{file.name: file.resolve() for file in weights_in(place)} for place in (one, other)]
    return kept[0] != kept[1]


def _is_snapshot(place: Path, revision: str) -> bool:
    """Whether a directory is the cache's snapshot of this revision: a commit, or a branch or tag that leads to it."""
    if place.parent.name != "snapshots":
        return False
    if len(revision) >= _SHORTEST_COMMIT and place.name.startswith(revision):
        return True
    try:
        return read_text(place.parent.parent / "refs" / revision, 4096).strip() == place.name
    except (OSError, ValueError):
        return False


def _in_cache(wanted: BaseName) -> Path | None:
    """The snapshot of a revision in the local cache: of a branch, a tag or a commit, of which the first digits do."""
    if not wanted.is_hub_name:
        return None
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(wanted.name, revision=wanted.revision or None, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return _of_short_commit(wanted)


def _of_short_commit(wanted: BaseName) -> Path | None:
    """The only snapshot whose commit begins with the revision, which the library knows by its whole number alone."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if not _SHORT_COMMIT.fullmatch(wanted.revision):
        return None
    place = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=wanted.name, repo_type="model") / "snapshots"
    found = sorted(place.glob(f"{wanted.revision}*"))
    if len(found) > 1:
        what = f"The base model {wanted} could be any of {', '.join(one.name for one in found)}; "
        raise UimonError(Reason.BASE_MODEL_MISSING, f"{what}name the whole commit with --base {wanted.name}@COMMIT.")
    return found[0] if found else None
