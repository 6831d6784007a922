"""The options of the commands that are settings, made from `Settings`.

A command names the settings that it takes and gets what was given of them as `flags`. Reading `Settings` takes longer
than `uimon --help` may, so that a command's options are made when its arguments or its own help are read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperCommand

from watcher.settings.declaration import Declaration, OptionKind, Panel

Flags = dict[str, Any]
"""What the command line gave, by the names of the settings; None for what it did not."""
Chosen = Callable[[], Iterable[Declaration]]
"""The settings that a command takes, in the order of its help."""

_TYPES: Final[dict[OptionKind, Any]] = {
    OptionKind.SWITCH: bool | None,
    OptionKind.PATH: Path | None,
    OptionKind.LIST: list[str] | None,
    OptionKind.TEXT: str | None,
}
_CHOSEN: Final = "chosen_settings"


def every_setting() -> list[Declaration]:
    """All settings that have an option."""
    from watcher.settings.config import DECLARED

    return [declared for declared in DECLARED.values() if declared.flag]


def without_following() -> list[Declaration]:
    """Those that mean something also where no trainer is followed."""
    return [declared for declared in every_setting() if not declared.following]


def only(*names: str) -> Chosen:
    """The settings of these names, for a command that draws no samples: outside the panel that speaks of sampling."""

    def chosen() -> list[Declaration]:
        by_name = {declared.name: declared for declared in every_setting()}
        found = [by_name[name] for name in names]
        return [replace(one, panel=None) if one.panel is Panel.PROMPTS else one for one in found]

    return chosen


def taking(chosen: Chosen) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose parameter `flags` gets the settings that were given; their options stand in its place in help."""

    def mark(function: Callable[..., None]) -> Callable[..., None]:
        bare = _with_options(function, ())
        setattr(bare, _CHOSEN, chosen)
        return bare

    return mark


class SettingsCommand(TyperCommand):
    """A command whose options are complete once somebody asks for them."""

    _complete = False

    @property
    def params(self) -> list[Any]:
        """Its arguments and options."""
        self._make_complete()
        return self._params

    @params.setter
    def params(self, params: list[Any]) -> None:
        self._params = params

    def _make_complete(self) -> None:
        chosen = getattr(self.callback, _CHOSEN, None)
        if self._complete or self.callback is None or chosen is None:
            return
        self._complete = True
        alone = typer.Typer(add_completion=False)
        alone.command()(_with_options(inspect.unwrap(self.callback), tuple(chosen())))
        made = typer.main.get_command(alone)
        self._params, self.callback = made.params, made.callback


def _with_options(function: Callable[..., None], settings: Iterable[Declaration]) -> Callable[..., None]:
    """The function with an option for each setting in the place of `flags`."""

    @wraps(function)
    def command(**given: Any) -> None:
        function(flags={declared.name: given.pop(declared.name) for declared in settings}, **given)

    command.__signature__ = _signature(function, settings)  # type: ignore[attr-defined]
    return command


def _signature(function: Callable[..., None], settings: Iterable[Declaration]) -> inspect.Signature:
    parameters = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        parameters += [_option(declared) for declared in settings] if parameter.name == "flags" else [parameter]
    return inspect.Signature(parameters)


def _option(declared: Declaration) -> inspect.Parameter:
    # Named alone, so that a switch has no `--no-…`: what the file or the environment turn on stays on.
    option = typer.Option(
        None,
        declared.flag,
        help=declared.help,
        rich_help_panel=declared.panel,
        metavar=declared.metavar,
        show_default=False,
    )
    kind, annotation = inspect.Parameter.KEYWORD_ONLY, _TYPES[declared.kind]
    return inspect.Parameter(declared.name, kind, default=option, annotation=annotation)
