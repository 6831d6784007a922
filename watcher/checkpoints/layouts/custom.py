"""`--pattern`: what the user says of names that no other layout knows."""

from __future__ import annotations

import re

from watcher.checkpoints.layouts.completeness import MARKERS, AnySignCheck
from watcher.checkpoints.layouts.layout import PADDED_STEP, Layout
from watcher.model import Reason, UimonError


def custom_layout(pattern: str) -> Layout:
    """Make a layout of a user's pattern.

    Args:
        pattern: The name of a checkpoint's directory with `{step}` in it, once. The model's folder in it may follow
            after a slash.

    Returns:
        The layout. Its checkpoints are complete by any of the signs of `AnySignCheck`.

    Raises:
        UimonError: CONFIG_INVALID for a pattern without a `{step}`, with several, or with a folder deeper down.

    >>> custom_layout("iter_{step}").step_of("iter_0000500"), custom_layout("iter_{step}/ui").shown
    (500, 'iter_N/ui')
    """
    directory, slash, folder = pattern.partition("/")
    before, mark, after = directory.partition("{step}")
    if not mark or "{step}" in after + folder or (slash and folder in ("", ".", "..")) or "/" in folder:
        raise UimonError(
            Reason.CONFIG_INVALID,
            f"The pattern {pattern!r} cannot be used: give the name of a checkpoint directory with {{step}} in the "
            "place of its step, such as 'iter_{step}', and the model's folder in it where it has several: "
            "'checkpoint-{step}/ui'.",
        )
    names = re.compile(f"{re.escape(before)}{PADDED_STEP}{re.escape(after)}")
    return Layout(names, pattern.replace("{step}", "N"), AnySignCheck(MARKERS), folder=folder)
