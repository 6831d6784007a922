"""Whether uimon's command line takes what documents and examples write."""

from __future__ import annotations

import re
from functools import cache

import typer

from watcher.cli.app import app


@cache
def options() -> dict[str, frozenset[str]]:
    """The options of each command, and under no name those of `uimon` itself."""
    group = typer.main.get_command(app)
    commands = {"": group, **group.commands}  # type: ignore[attr-defined]
    return {
        name: frozenset(option for parameter in command.params for option in parameter.opts)
        for name, command in commands.items()
    }


def refused_options(arguments: str) -> list[str]:
    """What the command in `arguments` (`watch ckpts --run-id X`) does not take; the command itself if there is none."""
    command, *_ = arguments.split()
    if command not in options():
        return [command]
    return [flag for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", arguments) if flag not in options()[command]]
