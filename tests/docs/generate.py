"""The pages of docs/ that are made from the code: `python -m tests.docs.generate` writes them.

`cli.md` is the help of every command, `configuration.md` the table of all settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer
from typer.testing import CliRunner

from watcher.cli.app import app
from watcher.settings.alerts import AlertSettings
from watcher.settings.config import DECLARED
from watcher.settings.declaration import Declaration, OptionKind, Panel

DOCS = Path(__file__).parents[2] / "docs"
_MADE = "<!-- Made by `python -m tests.docs.generate`; change the code instead. -->"
_TERMINAL = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


def pages() -> dict[str, str]:
    """Each made page's text by its name."""
    return {"cli.md": cli_page(), "configuration.md": configuration_page()}


def cli_page() -> str:
    """What `--help` says, of `uimon` and of each of its commands."""
    parts = [_MADE, "# Commands", _COMMANDS, _help_of()]
    for command in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        parts += [f"## uimon {command}", _help_of(command)]
    return "\n\n".join(parts) + "\n"


def _help_of(*command: str) -> str:
    done = CliRunner(env=_TERMINAL).invoke(app, [*command, "--help"], prog_name="uimon")
    lines = [line.rstrip() for line in done.output.strip().splitlines()]
    return "\n".join(["```text", *lines, "```"])


def configuration_page() -> str:
    """All settings, by the panels of help, and those of early warnings."""
    parts = [_MADE, "# Configuration", _INTRODUCTION]
    for panel in Panel:
        settings = (declared for declared in DECLARED.values() if declared.panel is panel)
        parts += [f"## {panel}", "\n".join(_table(_HEAD, map(_row, settings)))]
    parts += ["## Early warnings: the table `[alerts]`", _ALERTS, "\n".join(alerts_table())]
    return "\n\n".join(parts) + "\n"


_HEAD = ("option", "environment", "`uimon.toml`", "default", "meaning", "changes samples")
_COMMANDS = """\
What each command is for: [Quickstart](quickstart.md#the-commands). Exit codes: [Operating](operating.md#exit-codes)."""
_INTRODUCTION = """\
Flags win over the environment (`UIMON_SAMPLES=32`), the environment over `uimon.toml` (`--config`, or the one in the
current directory), and that over the defaults. A setting that changes samples starts a new suite: evaluations of two
suites are not compared.

```toml
# uimon.toml
samples = 32
max_tokens = 4096
idle_exit = "2h"
chat_template_kwargs = { enable_thinking = false }
webhook = "https://hooks.example.com/…"

[alerts]
silence = ["perplexity_high"]
false_alarms = 1.0
```

In the environment, lists and tables are JSON: `UIMON_SCORERS='["legacy"]'`, `UIMON_ALERTS='{"false_alarms": 1.0}'`;
`UIMON_THEME=shadcn,globals.css` and `UIMON_VAL_KEYS=prompt=ask,completion=html` are written as their options are. uimon
names a variable `UIMON_…` that is no setting in the log.

The W&B key is no setting; [Rows in W&B](wandb.md#how-uimon-finds-the-run) says where it comes from."""
_ALERTS = """\
The environment gives them all as one table in JSON, `UIMON_ALERTS`. Where their defaults come from: "the metrics'
bands" are those that came with the metrics; "real pages" are windows of 16 pages by five tuned models and from two
human collections; "simulation" is `tests/bench/bench_alerts.py`."""


def _row(declared: Declaration) -> tuple[str, ...]:
    allowed = f"Allowed: {declared.bound.said}." if declared.bound else ""
    meaning = " ".join(filter(None, (declared.meaning, declared.detail, allowed)))
    changes = "yes" if declared.changes_samples else "no"
    default = declared.default or ("off" if declared.kind is OptionKind.SWITCH else "none")
    return f"`{declared.flag}`", f"`{declared.variable}`", f"`{declared.name}`", default, meaning, changes


def alerts_table() -> list[str]:
    """The settings of early warnings, a line each below the table's head."""
    rows = (
        (f"`{name}`", f"`{told(field.default)}`", " ".join(str(field.description).split()))
        for name, field in AlertSettings.model_fields.items()
    )
    return _table(("setting", "default", "meaning"), rows)


def told(default: object) -> str:
    """A default as `uimon.toml` has it.

    >>> told(1.0), told("off"), told([])
    ('1', '"off"', '[]')
    """
    return f"{default:g}" if isinstance(default, float) else json.dumps(default)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    def lines() -> Iterator[str]:
        yield from (" | ".join(head), " | ".join("---" for _ in head))
        # A bar within a cell would end it.
        yield from (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)

    return [f"| {line} |" for line in lines()]


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
