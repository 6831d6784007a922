"""The validation file that the settings name, or that lies where one is looked for."""

from __future__ import annotations

from pathlib import Path

from watcher.config import Settings
from watcher.validation import ValFile, choose, find_val, load_val


def validation_file(settings: Settings, checkpoints: Path) -> ValFile:
    """The validation file of a run whose checkpoints come into `checkpoints`. Raises UimonError as `load_val` does."""
    # Who names a template or a system message wants prompts to be asked through it, those that are text as well.
    templated = settings.system is not None or settings.chat_template is not None
    choice = choose(settings.val_format, settings.val_keys, templated=templated)
    return load_val(settings.val or find_val(checkpoints), settings.system, choice)
