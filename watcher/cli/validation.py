"""The validation file that the settings name, or that lies where one is looked for."""

from __future__ import annotations

from pathlib import Path

from watcher.settings.config import Settings
from watcher.validation import Choice, ValFile, choose, find_val, load_val


def choice_of(settings: Settings) -> Choice:
    """How the settings say that a validation file is to be read. Raises UimonError(CONFIG_INVALID)."""
    # Who names a template or a system message wants prompts to be asked through it, those that are text as well.
    templated = settings.system is not None or settings.chat_template is not None
    return choose(settings.val_format, settings.val_keys, templated=templated)


def validation_file(settings: Settings, checkpoints: Path) -> ValFile:
    """The validation file of a run whose checkpoints come into `checkpoints`. Raises UimonError as `load_val` does."""
    return load_val(settings.val or find_val(checkpoints), settings.system, choice_of(settings))
