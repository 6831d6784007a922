"""What the tokenizer files of a directory mean, read without a tokenizer's library, so the service can do it too.

Compared is only what decides about prompts that are token ids already and about samples that are still ids: which text
each id stands for. Two files of one tokenizer may differ in everything else: training leaves its truncation and padding
in them, and a library that loads and saves a tokenizer writes its normalizer, pre-tokenizer, decoder and model options
in its own way. So a later checkpoint's normalizer and pre-tokenizer do not count: nothing is encoded with them. Its
decoder counts where it cannot read the vocabulary (one for sentencepiece over byte-level tokens, as a wrong class
leaves it): then its ids stand for other texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path

from watcher.checkpoints.layouts.files import ADDED_TOKENS, TEMPLATE, TEMPLATES, TOKENIZER_CONFIG, TOKENIZER_JSON
from watcher.model import JsonObject, Reason, UimonError
from watcher.system.files import read_bytes, read_object, read_text

PROCESSOR_TEMPLATE = "chat_template.json"
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
_VOCABULARY_FILES = (*TOKENIZER_FILES, "merges.txt", ADDED_TOKENS)
TOKENIZER_LIMIT = 128 * 2**20
"""Longest file of a tokenizer that is read, in bytes; the largest known ones have some 35 million."""
TOKENIZER_VALUES = 8_000_000
"""Most values in it; the largest known vocabularies with their merges have some 2 million."""
# How a blank before a word is written in byte-level vocabularies, and in those of sentencepiece.
_BYTE_BLANK, _PIECE_BLANK = "Ġ", "▁"


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
        raise unreadable(error.filename, error.strerror) from None


def unreadable(file: object, why: str | None) -> UimonError:
    """The error for a file of a tokenizer that cannot be read."""
    return UimonError(Reason.UNREADABLE, f"{file}: this tokenizer file cannot be read ({why}); save it again.")


def stamped_files(path: Path) -> list[Path]:
    """Every file of `path` that a stamp is made of, as far as it is there."""
    names = (*_VOCABULARY_FILES, TOKENIZER_CONFIG, TEMPLATE, PROCESSOR_TEMPLATE)
    files = [path / name for name in names]
    return [file for file in (*files, *sorted((path / TEMPLATES).glob("*"))) if file.is_file()]


def _vocabulary(path: Path) -> str:
    tokenizer = stated_in(path / TOKENIZER_JSON)
    tokens = _tokens(tokenizer)
    if tokens:
        known = {*tokens.values()}
        beside = {at: text for at, text in configured_tokens(path).items() if at not in tokens and text not in known}
        entries = [*sorted({**beside, **tokens}.items()), *_foreign_decoder(tokenizer, known)]
        return _digest(json.dumps(entries).encode())
    return _digest(
        b"\0".join(
            read_bytes(path / name, TOKENIZER_LIMIT) for name in sorted(_VOCABULARY_FILES) if (path / name).is_file()
        )
    )


def _tokens(tokenizer: JsonObject) -> dict[int, str]:
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


def configured_tokens(path: Path) -> dict[int, str]:
    """Id → token of those that tokenizer_config.json adds; empty where it is laid out in an unknown way."""
    added = stated_in(path / TOKENIZER_CONFIG).get("added_tokens_decoder")
    try:
        return {int(number): str(token["content"]) for number, token in dict(added or {}).items()}
    except (KeyError, TypeError, ValueError):
        return {}


def stated_tokens(path: Path) -> dict[int, str]:
    """Id → token of those that the files beside the vocabulary add: the configuration's, else added_tokens.json's, as
    older versions of transformers wrote them.
    """
    added = stated_in(path / ADDED_TOKENS)
    return configured_tokens(path) or {number: token for token, number in added.items() if type(number) is int}


def _foreign_decoder(tokenizer: Mapping[str, object], tokens: Collection[str]) -> list[object]:
    """The decoder, where it is not of the kind that the vocabulary asks for."""
    decoder = tokenizer.get("decoder")
    kinds = set(_types(decoder))
    bytewise, piecewise = (sum(map(methodcaller("startswith", mark), tokens)) for mark in (_BYTE_BLANK, _PIECE_BLANK))
    wanted = {"ByteLevel"} if bytewise > piecewise else {"Metaspace", "Replace"} if piecewise else kinds
    return [] if wanted & kinds or wanted == kinds else [decoder]


def _types(part: object) -> Iterator[str]:
    """The types in one part of a tokenizer.json, which may be a sequence of parts."""
    if isinstance(part, dict):
        yield str(part.get("type"))
        for inner in part.values():
            yield from _types(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _types(inner)


def _template(path: Path) -> str:
    """The default chat template's text, from the file from which transformers takes it; empty without one.

    Files win over the configuration: additional_chat_templates/default.jinja, then chat_template.jinja. Where there
    are only templates of other names, the configuration's does not count. A processor's chat_template.json stands in
    for none.
    """
    folder = path / TEMPLATES
    for file in (folder / "default.jinja", path / TEMPLATE):
        if file.is_file():
            return read_text(file, errors="replace")
    configured = "" if any(folder.glob("*.jinja")) else default_template(path / TOKENIZER_CONFIG)
    return configured or default_template(path / PROCESSOR_TEMPLATE)


def default_template(file: Path) -> str:
    """The `chat_template` of a JSON file, which is a text, or a list or mapping of named ones."""
    found = stated_in(file).get("chat_template")
    if isinstance(found, list):
        named = (entry for entry in found if isinstance(entry, dict) and entry.get("name") == "default")
        found = next(named, {}).get("template")
    elif isinstance(found, dict):
        found = found.get("default")
    return found if isinstance(found, str) else ""


def stated_in(file: Path) -> JsonObject:
    """The JSON object in a file; empty where there is no such file or it holds something else."""
    try:
        return read_object(file, TOKENIZER_LIMIT, TOKENIZER_VALUES)
    except (FileNotFoundError, ValueError):
        return {}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16] if data else ""
