"""Secrets that never leave: values of variables that hold one, and what has the shape of one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

_WORDS: Final = frozenset(
    {"KEY", "APIKEY", "TOKEN", "PAT", "SECRET", "PASS", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "WEBHOOK"}
)
"""A variable with one of these words in its name, or one that ends in PASSWORD, holds a secret, unless its last word is
one of `_PLACES`."""
_PLACES: Final = frozenset({"FILE", "PATH", "DIR"})
_LEAST: Final = 8
"""Shorter values are switches, as `false`; they occur in ordinary sentences."""
_NAMED: Final = (
    r"password|passwd|passphrase|client[_-]?secret|(?:api|access|account|private|secret)[_-]?key"
    r"|x-[\w-]{0,40}(?:key|token)|(?:access|auth|api|bearer|refresh|secret|session|hf|hub)[_-]?token"
)
"""What a secret is called where it is given. A bare `token` is none: tokenizers have many of that name."""
_SHAPES: Final = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|wandb_v\d_[A-Za-z0-9_]{20,}|local-[0-9a-f]{40}\b|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{20,}|sk-(?=[\w-]{0,200}\d)[\w-]{20,}|A[KS]IA[A-Z0-9]{16}|AIza[\w-]{35}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,}(?:\.[\w-]*)?)"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
    # The user and password of a URL, up to the last `@` before its path.
    r"|(?<=://)[^\s/?#]{1,512}(?=@)"
    r"|(?<=hooks\.slack\.com/)[\w/-]{8,}"
    r"|(?<=/api/webhooks/)[\w/-]{8,}"
    r"|(?<=\.webhook\.office\.com/)[^\s\"'<>]{8,}"
    r"|(?<=\bBearer )[\w.~+/=-]{16,}"
    r"|(?i:(?P<header>\bauthorization[\"']{0,2}\s{0,3}[:=]\s{0,3}[\"']?(?:(?:bearer|basic|token)\s{1,3})?))"
    r"(?!\*\*\*)[^\s\"']{8,}"
    r"|(?i:(?P<query>[?&][\w-]{0,40}(?:token|key|secret|password|sig|signature)=))(?!\*\*\*)[^\s&\"'<>]{6,}"
    rf"|(?i:(?P<name>(?:{_NAMED})[\"']{{0,2}}\s{{0,3}}[:=]\s{{0,3}}[\"']?))(?!\*\*\*)[^\s\"'<>]{{8,}}"
)
"""Tokens of Hugging Face, W&B, GitHub, GitLab, OpenAI, AWS, Google and Slack, JSON web tokens, private keys, the user
and password of a URL, the paths of webhooks at Slack, Discord and Teams, and what a header, a query or an assignment
calls a secret. A digest, a uid and a class name have none of these shapes; a bare key of 40 hexadecimal digits has that
of a commit, so it is known by its variable alone."""

_MARKS: Final = (
    *("key", "token", "secret", "pass", "auth", "bearer ", "sig", "://", "hooks", "webhook", "eyj", "-----begin "),
    *("hf_", "wandb_v", "local-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "_pat_", "glpat-", "sk-", "akia", "asia"),
    *("aiza", "xox"),
)
"""One of these is in all that has one of the shapes: to look for shapes takes a microsecond for each character, and a
status of thousands of checkpoints is to come at once."""


def redactor(environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that puts `***` in the place of each secret in a text.

    >>> said = redactor({"WANDB_API_KEY": "a-local-key-of-mine"})
    >>> said("refused: a-local-key-of-mine, https://me:hunter2@host/x")
    'refused: ***, https://***@host/x'
    """
    values_held = (value.strip() for name, value in environ.items() if _holds_one(name))
    held = sorted({form for value in values_held if len(value) >= _LEAST for form in _forms(value)}, key=len)
    # The longest first: a secret may be the beginning of another.
    values = re.compile("|".join(map(re.escape, reversed(held)))) if held else None

    def redacted(text: str) -> str:
        known = values.sub("***", text) if values else text
        lowered = known.lower()
        return _SHAPES.sub(_masked, known) if any(mark in lowered for mark in _MARKS) else known

    return redacted


def _masked(found: re.Match[str]) -> str:
    """What stands before a secret says what it is."""
    return f"{found['header'] or found['query'] or found['name'] or ''}***"


@lru_cache(maxsize=256)
def _forms(value: str) -> frozenset[str]:
    """A secret as it is, and as exceptions, JSON and addresses quote it."""
    quoted = (
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
    )
    return frozenset((value, *quoted))


def _holds_one(name: str) -> bool:
    words = name.upper().split("_")
    return words[-1] not in _PLACES and (words[-1].endswith("PASSWORD") or not _WORDS.isdisjoint(words))
