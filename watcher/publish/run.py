"""How a W&B run is named, and what uimon needs to know of one before it writes anything into it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self
from urllib.parse import unquote, urlsplit

from watcher.model import Reason, UimonError

# The project into which Hugging Face's Trainer logs when nobody names one.
DEFAULT_PROJECT = "huggingface"

# W&B's own limits for a run id: at most 128 characters, none of / \ # ? % :
_RUN_ID = re.compile(r"[^/\\#?%:\s]{1,128}")
_RUN_ID_CHARS = 128
_COMPANION = "-uimon"

ENDED = frozenset({"finished", "failed", "crashed", "killed"})
"""W&B's words for the state of a run in which nobody is known to write."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run as a person names it. `entity` None: the account's default; `project` None: `DEFAULT_PROJECT`."""

    entity: str | None
    project: str | None
    run_id: str

    @classmethod
    def parse(
        cls,
        text: str,
        entity: str | None = None,
        project: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Read `id`, `entity/project/id` or a run's URL.

        What the text leaves open comes from `entity` and `project`, then from `WANDB_ENTITY` and
        `WANDB_PROJECT` of `environ` (None: this process's environment), and the project at last is
        `huggingface`, which is what Hugging Face's Trainer uses. Raises `UimonError(RUN_NOT_FOUND)` for other text.

        >>> RunRef.parse("https://wandb.ai/team/ui/runs/abc123/overview?nw=x")
        RunRef(entity='team', project='ui', run_id='abc123')
        >>> RunRef.parse("abc123", environ={})
        RunRef(entity=None, project='huggingface', run_id='abc123')
        """
        variables = os.environ if environ is None else environ
        found_entity, found_project, run_id = _split(text.strip())
        if not _RUN_ID.fullmatch(run_id) or found_entity == "" or found_project == "":
            raise UimonError(
                Reason.RUN_NOT_FOUND,
                f"{text!r} is no W&B run: give its id, entity/project/id, or the URL of its page.",
            )
        return cls(
            found_entity or entity or variables.get("WANDB_ENTITY") or None,
            found_project or project or variables.get("WANDB_PROJECT") or DEFAULT_PROJECT,
            run_id,
        )

    @property
    def companion(self) -> Self:
        """The run of uimon's own that shows what may not go into this one yet.

        >>> RunRef("team", "ui", "abc").companion.run_id
        'abc-uimon'
        """
        return replace(self, run_id=f"{self.run_id[: _RUN_ID_CHARS - len(_COMPANION)]}{_COMPANION}")

    @property
    def name(self) -> str:
        """The run for a sentence: `entity/project/id`, as far as it is known."""
        return "/".join(part for part in (self.entity, self.project, self.run_id) if part)


class Writer(StrEnum):
    """The mode of the newest writer of a run, as its telemetry tells; unknown while there is none."""

    SHARED = "shared"
    DEFAULT = "default"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What W&B says of a run.

    `state` is W&B's own word (running, finished, crashed, failed, killed), `path` is `entity/project/id`, `title` the
    name that people see, and `history_lines` counts the history lines that W&B shows. `silence`: seconds since the
    last heartbeat, by W&B's clock and this machine's. `begun`: when the run began, in seconds since the epoch. A run
    that does not exist has `exists` False and nothing else.
    """

    exists: bool
    state: str | None = None
    writer: Writer = Writer.UNKNOWN
    url: str | None = None
    path: str | None = None
    title: str = ""
    group: str | None = None
    history_lines: int = 0
    silence: float | None = None
    begun: float | None = None


def _split(text: str) -> tuple[str | None, str | None, str]:
    """Entity, project and id as far as the text holds them; an empty id where it cannot be read."""
    is_url = "://" in text
    path = urlsplit(text).path if is_url else text
    parts = [unquote(part) for part in path.strip("/").split("/")] if is_url else text.strip("/").split("/")
    if "runs" in parts[2:-1]:
        # A self-hosted server may sit below a prefix, and a page's name may follow the id.
        place = len(parts) - 1 - parts[::-1].index("runs", 1)
        return parts[place - 2], parts[place - 1], parts[place + 1]
    if len(parts) == 3 and not is_url:
        return parts[0], parts[1], parts[2]
    return (None, None, parts[0]) if len(parts) == 1 and not is_url else (None, None, "")
