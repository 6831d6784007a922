"""Where the state of a run lies when nobody says where, and how it is found again.

| the results                | the directory below `$XDG_STATE_HOME/uimon` (`~/.local/state/uimon`)               |
|----------------------------|------------------------------------------------------------------------------------|
| go into a W&B run          | `<run id>`; `<run id>-<hash of server, entity, project>` where another run has that |
| stay here (`--wandb off`)  | `<name>-<hash of the checkpoint directory's resolved path>`                        |

A name is no proof: whose a directory is shows by what its ledger says of the run, and by where its checkpoints lay.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watcher.ledger.file import FAILURES
from watcher.ledger.state_dir import StateDir
from watcher.model import Reason, UimonError

ROOT: Final = "root"
"""The ledger's name for the checkpoint directory whose results it holds."""
_LONGEST: Final = 200
"""Bytes of a run's part of a directory's name, which may have 255 with the hashes behind it."""
_KEYS: Final = ("run", "project", "entity", "server", ROOT)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose results they are; empty is what is not known. `root` is the checkpoint directory where nothing is logged
    and no run is named.
    """

    run: str
    project: str = ""
    entity: str = ""
    server: str = ""
    root: str = ""

    @property
    def named(self) -> bool:
        """True where the run tells them apart, and not the directory."""
        return not self.root

    @property
    def title(self) -> str:
        """The run as a person knows it."""
        if self.root:
            return f"{self.root} (nothing is logged)"
        path = "/".join(part for part in (self.entity, self.project, self.run) if part)
        return f"run {path}{f' at {self.server}' if self.server else ''}"

    def is_same(self, other: Owner) -> bool:
        """True where nothing that is known of the two differs."""
        if not self.named or not other.named:
            return self.root == other.root
        mine, theirs = ((o.run, o.project, o.entity, o.server) for o in (self, other))
        return all(not a or not b or a == b for a, b in zip(mine, theirs, strict=True))


def safe_name(run: str) -> str:
    """A run's name as the name of a directory.

    >>> safe_name("../a b")
    '_a_b'
    """
    name = re.sub(r"[^\w.-]", "_", run).lstrip(".") or "run"
    if len(data := name.encode()) <= _LONGEST:
        return name
    return f"{data[:_LONGEST].decode(errors='ignore')}-{short_hash(run)}"


def short_hash(*parts: str) -> str:
    """Eight hexadecimal digits that tell texts apart, for names of directories."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:8]


def state_home() -> Path:
    """`$XDG_STATE_HOME/uimon`, by default `~/.local/state/uimon`. Raises UimonError(STATE_DIR_UNUSABLE) for a user
    without a home, as a container's may be.
    """
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "uimon"
    except RuntimeError:
        sentence = f"User {os.geteuid()} has no home directory for the state; set HOME, or name a --state-dir."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from None


def default_state_dir(owner: Owner, say: Callable[[str], None] = lambda _: None) -> Path:
    """The state directory of these results: where they are already, else where they are to be. `say` is told of
    directories that look like it and are not.
    """
    plain = state_home() / safe_name(owner.run)
    if owner.named:
        own = plain.with_name(f"{plain.name}-{short_hash(owner.server, owner.entity, owner.project, owner.run)}")
    else:
        own = plain.with_name(f"{plain.name}-{short_hash(owner.root)}")
    if own.exists():
        return own
    others = {place: theirs for place in _candidates(owner.run) if (theirs := owner_of(StateDir(place))) is not None}
    for place, theirs in others.items():
        if theirs.is_same(owner):
            return place
    if owner.named and plain not in others:
        return plain
    if (theirs := others.get(plain)) is not None:
        say(f"The state directory {plain} belongs to {theirs.title}, so this run uses {own}.")
    for place, theirs in others.items():
        if not owner.named and theirs.root and theirs.run == owner.run and not Path(theirs.root).exists():
            say(
                f"{place} belongs to {theirs.root}, which does not exist; if that was moved here, name --state-dir "
                f"{place}."
            )
    return own


def find_state(run: str, project: str = "", entity: str = "") -> StateDir:
    """The state directory of a run of this name. Raises UimonError(STATE_DIR_UNUSABLE) where there are several."""
    named = Owner(run, project, entity)
    known = {place: owner_of(StateDir(place)) for place in _candidates(run)}
    found = [place for place, owner in known.items() if owner is not None and owner.run == run]
    if project or entity:
        found = [place for place in found if (owner := known[place]) is not None and owner.is_same(named)]
    if len(found) > 1:
        several = ", ".join(f"{place} ({owner.title})" for place in found if (owner := known[place]) is not None)
        sentence = f"Several runs are called {run}: {several}; name one with --state-dir."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)
    return StateDir(found[0] if found else state_home() / safe_name(run))


def owner_of(state: StateDir) -> Owner | None:
    """Whose results lie there, as the ledger says; None where there is none, or none that can be read."""
    if not state.ledger.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{state.ledger.resolve().as_uri()}?mode=ro", uri=True)) as db:
            known = dict(db.execute("SELECT key, value FROM meta"))
            checkpoints = db.execute("SELECT name, path FROM checkpoint").fetchall()
    except FAILURES:
        return None
    run, project, entity, server, root = (str(known.get(key) or "") for key in _KEYS)
    if not run:
        return None
    if not root and not server and known.get("wandb") == "off":
        root = _root_of(run, checkpoints)
    return Owner(run, project, entity, server, root)


def _root_of(run: str, checkpoints: Iterable[tuple[str, str]]) -> str:
    """The directory in which the checkpoints lay; the one above all, where they lay in several. Earlier versions did
    not take it down; without a run that was named, they called the results by its name.
    """
    roots = {
        path.removesuffix(f"/{name}")
        for name, path in checkpoints
        if path.endswith(f"/{name}") and not name.startswith("/")
    }
    named = any(Path(root).name == run for root in roots)
    return os.path.commonpath(roots) if named and roots else ""


def _candidates(run: str) -> Iterator[Path]:
    plain = state_home() / safe_name(run)
    yield plain
    yield from sorted(plain.parent.glob(f"{_escaped(plain.name)}-????????"))


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
