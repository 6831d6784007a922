"""The plug-in scorers that `--scorer` names."""

from __future__ import annotations

from collections.abc import Iterable

from scorers import Plugin, ScorerError, load_plugins
from watcher.model import Reason, UimonError


def named_plugins(named: Iterable[str]) -> tuple[Plugin, ...]:
    """The plug-ins of these names or places. Raises UimonError(CONFIG_INVALID) for one that cannot be loaded."""
    try:
        return load_plugins(named)
    except ScorerError as error:
        raise UimonError(Reason.CONFIG_INVALID, str(error)) from error
