"""JSON in a completion: its strings decoded, each knowing where it stood, as far as the text goes.

The structure is read by a small loop and not by `json.loads`, which tells no places, gives up on a text that was cut
and on the line ends that models leave in strings; each run of escapes is decoded by `json.loads`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scorers.extraction.look import begins_code
from scorers.extraction.names import Hint, extension, file_name, is_word
from scorers.extraction.passage import Passage

_TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*+)("?)|([{}\[\],:])|([^\s{}\[\],:"]++))""", re.DOTALL)
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_BEGINS = re.compile(r"[{\[]\s{0,200}(?:[\"{\[]|$)")
# No answer nests deeper; a text of brackets ends here.
_DEEPEST = 100
# Values that are talk whatever stands in them.
_TALK_KEYS = frozenset(
    [
        "reasoning",
        "reasoning_content",
        "thought",
        "thoughts",
        "thinking",
        "analysis",
        "plan",
        "explanation",
        "description",
        "summary",
        "notes",
        "old_str",
        "old_string",
        "old_text",
        "search",
        "original",
        "prompt",
        "instructions",
        "rationale",
    ]
)
# What an edit replaces, and what by.
_OLD_KEYS = ("old_str", "old_string", "old_text", "old_code", "search", "original")
_NEW_KEYS = ("new_str", "new_string", "new_text", "new_code", "replace", "replacement", "updated")
_NAME_KEYS = ("path", "file_path", "filepath", "file", "filename", "file_name", "target_file", "name", "title", "key")
_CALL_KEYS = ("arguments", "input", "parameters", "args", "params", "tool_input", "function")


@dataclass(slots=True)
class _Value:
    """A JSON value: an object or an array (then `key` of each child), a string, or something else."""

    key: str = ""
    kind: str = ""
    text: Passage | None = None
    children: list[_Value] = field(default_factory=list)
    ended: bool = True

    def child(self, *keys: str) -> _Value | None:
        return next((value for key in keys for value in self.children if value.key.lower() == key), None)


@dataclass(frozen=True, slots=True)
class JsonReading:
    """What was read from `start` to `end`: the strings that may be code, whether a tool is called, whether the text
    ends before the JSON does, whether it is no JSON, and whether it edits a file that is not in it."""

    strings: tuple[tuple[Passage, Hint], ...]
    end: int
    call: bool
    open: bool
    broken: bool
    edits: bool


def begins_json(text: str, start: int = 0) -> bool:
    """Whether an object or an array begins that may hold code."""
    return _BEGINS.match(text, start) is not None


def read_json(passage: Passage, start: int = 0) -> JsonReading:
    """The JSON value that begins at `start`. Never raises.

    >>> found = read_json(Passage('{"html": "<p>a\\\\n\\\\u00e9</p>"}'))
    >>> [(text.text, hint.word) for text, hint in found.strings], found.open
    ([('<p>a\\né</p>', 'html')], False)
    """
    reader = _JsonReader(passage, start)
    value = reader.value()
    strings = tuple(_strings(value, Hint()))
    return JsonReading(strings, reader.position, _is_call(value), reader.open, reader.broken, _holds_edit(value))


class _JsonReader:
    def __init__(self, passage: Passage, start: int) -> None:
        self._passage, self.position = passage, start
        self.open = self.broken = False

    def value(self) -> _Value:
        root = _Value(kind="[")
        stack, key, after_value = [root], "", False
        while not self.open and not self.broken:
            match = _TOKEN.match(self._passage.text, self.position)
            if match is None:
                self.open = True
                break
            token = match[3]
            if token in ("{", "[") and not after_value and len(stack) < _DEEPEST:
                stack.append(_Value(key, token, ended=False))
                stack[-2].children.append(stack[-1])
                key = ""
            elif token in ("}", "]") and stack[-1].kind == ("{" if token == "}" else "["):
                stack.pop().ended = True
                after_value = True
            elif token in (",", ":"):
                after_value = False
            elif token or after_value:
                self.broken = True
                break
            elif match[1] is not None:
                key, after_value = self._string(match, stack[-1], key)
            else:
                after_value, key = True, ""
            self.position = match.end()
            if len(stack) == 1:
                break
        return root

    def _string(self, match: re.Match[str], parent: _Value, key: str) -> tuple[str, bool]:
        """Takes a string as a key or as a value; a value is decoded."""
        closed = bool(match[2])
        following = self._passage.text[match.end() : match.end() + 50].lstrip()[:1]
        if parent.kind == "{" and not key and following == ":":
            return _unescaped(match[1][:300]), True
        text = decoded(self._passage, match.start(1), match.end(1), closed)
        parent.children.append(_Value(key, "string", text, ended=closed))
        self.open = not closed
        return "", True


def _unescaped(text: str) -> str:
    return _ESCAPES.sub(lambda match: _character(match[0]), text)


def _character(escape: str) -> str:
    """What an escape says; one that JSON does not have says its character, as JavaScript has it."""
    try:
        return str(json.loads(f'"{escape}"', strict=False)).encode("utf-8", "replace").decode()
    except ValueError:
        return escape[1:]


def decoded(passage: Passage, start: int, end: int, closed: bool) -> Passage:
    """The string between two quotes with its escapes decoded."""
    raw = passage.part(start, end)
    if closed:
        raw = raw.closed()
    else:
        raw = Passage(raw.text, raw.places, passage.open)
        cut = re.search(r"\\(?:u[0-9a-fA-F]{0,3})?$", raw.text[-6:])
        if cut:
            raw = Passage(raw.text[: len(raw.text) - len(cut[0])], raw.places, raw.open)
    if "\\" not in raw.text:
        return raw
    return raw.replaced(_ESCAPES, lambda match: _character(match[0]))


def _is_call(value: _Value) -> bool:
    """Whether an object names a function and gives it arguments."""
    seen = value.children[:1]
    while seen and seen[0].kind == "[":
        seen = seen[0].children[:1]
    return bool(seen) and any(seen[0].child(key) is not None for key in _CALL_KEYS)


def _is_edit(value: _Value) -> bool:
    """Whether an object says what is to be replaced by what."""
    old = value.child(*_OLD_KEYS)
    return (
        old is not None and old.text is not None and bool(old.text.text.strip()) and value.child(*_NEW_KEYS) is not None
    )


def _holds_edit(value: _Value) -> bool:
    return _is_edit(value) or any(_holds_edit(child) for child in value.children)


def _strings(value: _Value, hint: Hint) -> Iterator[tuple[Passage, Hint]]:
    """The strings that may be code, in order, with what keys beside and above them say."""
    if value.kind == "string":
        if value.text is not None:
            yield value.text, hint
        return
    name = value.child(*_NAME_KEYS)
    named = file_name(name.text.text) if name and name.text else ""
    language = value.child("language", "lang", "type", "format")
    word = language.text.text.lower() if language and language.text and is_word(language.text.text) else ""
    own = Hint(word, named)
    for child in value.children:
        if child is name and (named or child.key.lower() not in ("file", "page")) and not _is_code(child):
            continue
        if child is language and word:
            continue
        if child.key.lower() in _TALK_KEYS or (child.key.lower() in _NEW_KEYS and _is_edit(value)):
            continue
        yield from _strings(child, _hint(child, own.or_else(hint)))


def _is_code(value: _Value) -> bool:
    return value.text is not None and begins_code(value.text.text)


def _hint(child: _Value, above: Hint) -> Hint:
    """What a key says: a file name, a language, or nothing of its own."""
    key = child.key
    if name := file_name(key.lstrip("/")):
        return Hint(extension(name), name)
    word = key.lower()
    if is_word(word):
        return Hint(word, above.name)
    return above
