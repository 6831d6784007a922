"""What the tokenizer files of a directory mean, read without a tokenizer's library, so the service can do it too.

Compared is only what decides about prompts that are token ids already: which text each id stands for. Two files of
one tokenizer may differ in everything else: training leaves its truncation and padding in them, and a library that
loads and saves a tokenizer writes its normalizer, pre-tokenizer, decoder and model options in its own way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.model import Reason, UimonError

TOKENIZER_JSON = "tokenizer.json"
TOKENIZER_FILES = (
    TOKENIZER_JSON,
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
"""Each of them is a tokenizer's vocabulary; a directory without any has no tokenizer."""


@dataclass(frozen=True, slots=True)
class TokenizerStamp:
    """Two digests of 16 hex digits, empty where there is nothing: the vocabulary (id → text), the chat template."""

    vocabulary: str
    template: str


def has_tokenizer(path: Path) -> bool:
    """True where `path` holds a tokenizer's files."""
    return any((path / name).exists() for name in TOKENIZER_FILES)


def read_stamp(path: Path) -> TokenizerStamp:
    """The stamp of the tokenizer in the directory `path`.

    Without a readable tokenizer.json the vocabulary is compared by the bytes of its files, where any difference counts.
    Raises `UimonError` (`unreadable`) where a file cannot be read.
    """
    try:
        return TokenizerStamp(_vocabulary(path), _digest(_template(path).encode("utf-8", "surrogatepass")))
    except OSError as error:
        sentence = f"{error.filename}: this tokenizer file cannot be read ({error.strerror}); save it again."
        raise UimonError(Reason.UNREADABLE, sentence) from None


def _vocabulary(path: Path) -> str:
    tokens = _tokens(read_object(path / TOKENIZER_JSON))
    if tokens:
        return _digest(json.dumps(sorted(tokens.items())).encode())
    names = (*TOKENIZER_FILES, "merges.txt", "added_tokens.json")
    return _digest(b"\0".join((path / name).read_bytes() for name in sorted(names) if (path / name).is_file()))


def _tokens(tokenizer: Mapping[str, Any]) -> dict[int, str]:
    """Id → token of a tokenizer.json; empty where it is laid out in an unknown way."""
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    try:
        # A Unigram model lists (token, score) in the order of ids, the others map token to id.
        if isinstance(vocabulary, list):
            tokens = {number: str(entry[0]) for number, entry in enumerate(vocabulary)}
        else:
            tokens = {int(number): str(token) for token, number in dict(vocabulary or {}).items()}
        return tokens | {int(token["id"]): str(token["content"]) for token in tokenizer.get("added_tokens") or ()}
    except (KeyError, IndexError, TypeError, ValueError):
        return {}


def _template(path: Path) -> str:
    """The default chat template's text, from whichever file holds it; empty without one."""
    if (path / "chat_template.jinja").is_file():
        return (path / "chat_template.jinja").read_text("utf-8", "replace")
    for name in ("chat_template.json", "tokenizer_config.json"):
        found = read_object(path / name).get("chat_template")
        if isinstance(found, list):
            named = (entry for entry in found if isinstance(entry, dict) and entry.get("name") == "default")
            found = next(named, {}).get("template")
        if isinstance(found, str):
            return found
    return ""


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no such file or it holds something else."""
    try:
        value = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16] if data else ""
