"""How a W&B run is named, and what uimon needs to know of one before it writes anything into it.

An address of a run's page names its server too: `https://HOST[:PORT][/PREFIX]/entity/project/runs/id` is a run of
the server at `https://HOST[:PORT][/PREFIX]`, whatever WANDB_BASE_URL says. The pages of W&B's own cloud are on another
host than its API, and so are those of a server whose pages WANDB_APP_URL names: their server is WANDB_BASE_URL's.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from watcher.model import Reason, UimonError

# The project into which Hugging Face's Trainer logs when nobody names one.
DEFAULT_PROJECT = "huggingface"

CLOUD = "https://api.wandb.ai"
"""W&B's own server."""
_CLOUD_HOSTS = frozenset(
    {"wandb.ai", "www.wandb.ai", "app.wandb.ai", "api.wandb.ai", "forge.coreweave.com", "api.forge.coreweave.com"}
)
# What the cloud's pages have before the run's own path, and pages of it that are nobody's.
_CLOUD_PREFIXES: tuple[list[str], ...] = ([], ["wandb"])
_NO_ENTITIES = frozenset({"site", "docs", "login", "authorize", "settings", "articles", "fully-connected"})

# W&B's own limits for a run id: at most 128 characters, none of / \ # ? % :
_RUN_ID = re.compile(r"[^/\\#?%:\s]{1,128}")
_RUN_ID_CHARS = 128
_PORTS = {"http": 80, "https": 443}
_COMPANION = "-uimon"

ENDED = frozenset({"finished", "failed", "crashed", "killed"})
"""W&B's words for the state of a run in which nobody is known to write."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run as a person names it.

    `entity` None: the account's default; `project` None: `DEFAULT_PROJECT`; `server` None: the one that
    WANDB_BASE_URL or the SDK's settings name.
    """

    entity: str | None
    project: str | None
    run_id: str
    server: str | None = None

    @classmethod
    def parse(
        cls,
        text: str,
        entity: str | None = None,
        project: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Read `id`, `entity/project/id` or a run's URL, whose host is the run's server.

        What the text leaves open comes from `entity` and `project`, then from `WANDB_ENTITY` and
        `WANDB_PROJECT` of `environ` (None: this process's environment), and the project at last is
        `huggingface`, which is what Hugging Face's Trainer uses. Raises `UimonError(RUN_NOT_FOUND)` for other text.

        >>> RunRef.parse("https://wandb.ai/team/ui/runs/abc123/overview?nw=x")
        RunRef(entity='team', project='ui', run_id='abc123', server='https://api.wandb.ai')
        >>> RunRef.parse("abc123", environ={})
        RunRef(entity=None, project='huggingface', run_id='abc123', server=None)
        """
        variables = os.environ if environ is None else environ
        server, (found_entity, found_project, run_id) = _read(text.strip())
        if not is_run_id(run_id) or found_entity == "" or found_project == "":
            raise UimonError(
                Reason.RUN_NOT_FOUND,
                f"{text!r} is not a W&B run: give its id, entity/project/id, or the URL of its page. The id is the "
                "end of that URL, and not the name that W&B shows.",
            )
        return cls(
            found_entity or entity or variables.get("WANDB_ENTITY") or None,
            found_project or project or variables.get("WANDB_PROJECT") or DEFAULT_PROJECT,
            run_id,
            server and _behind(server, variables),
        )

    def companion(self, number: int = 1) -> Self:
        """A run of uimon's own that shows what may not go into this one yet; there are several names for it.

        >>> RunRef("team", "ui", "abc").companion().run_id, RunRef("team", "ui", "abc").companion(2).run_id
        ('abc-uimon', 'abc-uimon-2')
        """
        suffix = _COMPANION if number == 1 else f"{_COMPANION}-{number}"
        return replace(self, run_id=f"{self.run_id[: _RUN_ID_CHARS - len(suffix)]}{suffix}")

    @property
    def name(self) -> str:
        """The run for a sentence: `entity/project/id`, as far as it is known."""
        return "/".join(part for part in (self.entity, self.project, self.run_id) if part)

    def server_in(self, environ: Mapping[str, str]) -> str:
        """The server in an environment, as `normal_server` writes it; empty where neither names one."""
        return self.server or normal_server(environ.get("WANDB_BASE_URL") or "")


def is_run_id(text: str) -> bool:
    """Whether W&B allows this as a run's id; display names are free text."""
    return bool(_RUN_ID.fullmatch(text))


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
    last heartbeat, by W&B's clock and this machine's. `begun`: when the run began, in seconds since the epoch;
    `heartbeat`: when W&B last heard of it, by W&B's clock.

    A run that does not exist has `exists` False and nothing else, but what a search has found: `searched` is the
    `entity/project` in which it is not, `elsewhere` holds the paths of runs with its id in other projects, and `titled`
    the paths of runs that have its id as their display name.
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
    heartbeat: float | None = None
    searched: str = ""
    elsewhere: tuple[str, ...] = ()
    titled: tuple[str, ...] = ()


def missing_run(ref: RunRef, facts: RunFacts) -> str:
    """The sentence for a run that W&B does not have: where it was looked for, where it may be instead, what to do."""
    entity, _, project = facts.searched.rpartition("/")
    entity, project = entity or ref.entity or "", project or ref.project or DEFAULT_PROJECT
    where = f"project {project} of " + (f"entity {entity}" if entity else "your default entity")
    where += f" at {ref.server}" if ref.server else ""
    said = f"W&B has no run {ref.run_id} in {where}"
    if len(facts.elsewhere) == 1:
        return f"{said}, but there is {facts.elsewhere[0]}: {_options(facts.elsewhere[0], entity)}."
    if facts.elsewhere:
        return f"{said}, but there are {', '.join(facts.elsewhere)}: give the right one with --run-id."
    if facts.titled:
        runs = ", ".join(facts.titled)
        return f"{said}, but that is the display name of {runs}: give {_one(facts.titled)} with --run-id."
    return (
        f"{said}: check the id, --project (or WANDB_PROJECT) and --entity, or start the trainer with "
        f"WANDB_MODE=shared WANDB_RUN_ID={shlex.quote(ref.run_id)}; rows wait until the run exists."
    )


def _options(path: str, entity: str) -> str:
    """What names a run in another project than the one that it was looked for in."""
    theirs, project, _ = path.split("/", 2)
    named = f"--project {shlex.quote(project)}"
    short = named if theirs == entity else f"--entity {shlex.quote(theirs)} {named}"
    return f"give {short} or --run-id {shlex.quote(path)}"


def _one(paths: Sequence[str]) -> str:
    return "its path" if len(paths) == 1 else "the path of the right one"


def normal_server(address: str) -> str:
    """A server's address in one way of writing it; all of the cloud's are `CLOUD`.

    >>> normal_server("https://api.forge.coreweave.com/"), normal_server("http://Host:8080/w/")
    ('https://api.wandb.ai', 'http://host:8080/w')
    >>> normal_server("https://host:443"), normal_server("http://host:80/")
    ('https://host', 'http://host')
    """
    try:
        parts = urlsplit(address if "://" in address else "")
    except ValueError:
        parts = urlsplit("")  # the SDK says what is wrong with it
    if not parts.hostname:
        return address.rstrip("/")
    return CLOUD if parts.hostname in _CLOUD_HOSTS else _origin(parts) + parts.path.rstrip("/")


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port of an address, without the port that goes without saying; a name and password in it are
    nobody's business.
    """
    place = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{place.removesuffix(f':{_PORTS.get(parts.scheme, 0)}')}"


def _behind(pages: str, environ: Mapping[str, str]) -> str:
    """The server whose pages are at this address: where they are on a host of their own, that of WANDB_BASE_URL."""
    configured = normal_server(environ.get("WANDB_BASE_URL") or "")
    shown = environ.get("WANDB_APP_URL") or ""
    return configured if configured and shown and _host(normal_server(shown)) == _host(pages) else pages


def _host(server: str) -> str:
    """Host and port of a server's address, as `normal_server` writes it."""
    return server.partition("://")[2].partition("/")[0]


def _read(text: str) -> tuple[str | None, tuple[str | None, str | None, str]]:
    """The server that a text names, if any, and the parts of the run's name; an empty id where it cannot be read."""
    if "://" not in text:
        host = text.partition("/")[0].lower()
        # As browsers show it: without the scheme.
        return _read(f"https://{text}") if host in _CLOUD_HOSTS else (None, _split(text))
    try:
        parts = urlsplit(text)
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        return None, (None, None, "")
    prefix, name = _split_page(parts.path)
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_a_number:
        return None, (None, None, "")
    if parts.hostname not in _CLOUD_HOSTS:
        return "/".join([_origin(parts), *prefix]), name
    if prefix not in _CLOUD_PREFIXES or name[0] in _NO_ENTITIES:
        return None, (None, None, "")
    return CLOUD, name


def _split_page(path: str) -> tuple[list[str], tuple[str | None, str | None, str]]:
    """What stands before a run in a page's path, and the parts of the run's name; an empty id where it names none."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if "runs" not in parts[2:-1]:
        return [], (None, None, "")
    # A server may sit below a prefix, and a page's name may follow the id.
    place = len(parts) - 1 - parts[::-1].index("runs", 1)
    return parts[: place - 2], (parts[place - 2], parts[place - 1], parts[place + 1])


def _split(text: str) -> tuple[str | None, str | None, str]:
    """Entity, project and id as far as a text without a host holds them; an empty id where it cannot be read."""
    parts = text.strip("/").split("/")
    if len(parts) == 4 and parts[2] == "runs":
        return parts[0], parts[1], parts[3]
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return (None, None, parts[0]) if len(parts) == 1 else (None, None, "")
