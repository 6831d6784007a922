"""Secrets that never leave: values of variables that hold one, and what has the shape of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_WORDS: Final = frozenset(
    {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "WEBHOOK"}
)
"""A variable with one of these words in its name holds a secret, unless its last word is one of `_PLACES`."""
_PLACES: Final = frozenset({"FILE", "PATH", "DIR"})
_LEAST: Final = 8
"""Shorter values are switches, as `false`; they occur in ordinary sentences."""
_SHAPES: Final = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|wandb_v\d_[A-Za-z0-9_]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}"
    r"|AKIA[A-Z0-9]{16}|xox[abprs]-[A-Za-z0-9-]{10,})"
    r"|(?<=://)[^\s/@:]{1,256}:[^\s/@]{1,256}(?=@)"
    r"|(?<=hooks\.slack\.com/)[\w/-]{8,}"
    r"|(?<=/api/webhooks/)[\w/-]{8,}"
)
"""Tokens of Hugging Face, W&B, GitHub, OpenAI, AWS and Slack, the user and password of a URL, and the paths of
webhooks at Slack and Discord. A digest has none of these shapes."""


def redactor(environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that puts `***` in the place of each secret in a text.

    >>> said = redactor({"WANDB_API_KEY": "a-local-key-of-mine"})
    >>> said("refused: a-local-key-of-mine, https://me:hunter2@host/x")
    'refused: ***, https://***@host/x'
    """
    held = sorted({value for name, value in environ.items() if _holds_one(name) and len(value) >= _LEAST}, key=len)
    # The longest first: a secret may be the beginning of another.
    values = re.compile("|".join(map(re.escape, reversed(held)))) if held else None

    def redacted(text: str) -> str:
        return _SHAPES.sub("***", values.sub("***", text) if values else text)

    return redacted


def _holds_one(name: str) -> bool:
    words = name.upper().split("_")
    return words[-1] not in _PLACES and not _WORDS.isdisjoint(words)
