"""How samples are scored: the plug-in scorers that `--scorer` names, and the theme of `--theme`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scorers import Plugin, ScorerError, Theme, ThemeError, given_theme, load_plugins
from watcher.model import Reason, UimonError


def named_plugins(named: Iterable[str]) -> tuple[Plugin, ...]:
    """The plug-ins of these names or places. Raises UimonError(CONFIG_INVALID) for one that cannot be loaded."""
    try:
        return load_plugins(named)
    except ScorerError as error:
        raise UimonError(Reason.CONFIG_INVALID, str(error)) from error


def named_theme(named: Sequence[str]) -> Theme | None:
    """The theme of `shadcn` and files; None for none. Raises UimonError(CONFIG_INVALID) for one that is of no use."""
    try:
        return given_theme(named)
    except ThemeError as error:
        raise UimonError(Reason.CONFIG_INVALID, str(error)) from error
