"""Reads a page's `tailwind.config = {…}` as data. It is JavaScript or TypeScript, and never run.

Understood: objects, arrays, strings, templates without substitutions, comments, what `as const` or `satisfies` follows,
a config inside of a call (`withUt({…})`), and constants of the same script that hold such things. Everything else
(`theme => …`, `require(…)`, `a + b`) is kept as the text of an expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

MAX_SCRIPT = 100_000
MAX_DEPTH = 12
MAX_ASSIGNED = 5
_TOKEN = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
    r"|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`(?:[^`\\]|\\.)*+`?"
    r"|\.\.\.|[{}\[\](),:]|[^\s{}\[\](),:\"'`/]+|/",
    re.DOTALL,
)
_ASSIGNED = re.compile(r"(?:\btailwind\.config|\bmodule\.exports|\bexports\.default)\s*=(?!=)\s*|\bexport\s+default\s+")
_CONSTANT = re.compile(r"\b(?:const|let|var)\s+([\w$]+)\s*(?::[^=;{}]{0,80})?=(?!=|>)\s*")
_CALL = re.compile(r"(?:[\w$.]*\(\s*)+(?={)")
_TYPED = frozenset(("as", "satisfies"))
MAX_CONSTANTS = 50
_NAME = re.compile(r"[\w$]+")
_CLOSING = {"{": "}", "[": "]", "(": ")"}


@dataclass(frozen=True, slots=True)
class Expression:
    """Code that is not evaluated: its text, without blanks."""

    text: str


Value: TypeAlias = "str | Expression | list[Value] | dict[str, Value]"


def read_config(script: str) -> dict[str, Value]:
    """The object that a script assigns to `tailwind.config`; empty where there is none. Never raises.

    >>> read_config("tailwind.config = { theme: { 'a-b': [1, `x`], c: colors.red[500], /* d: 1 */ ...e } } // f")
    {'theme': {'a-b': [Expression(text='1'), 'x'], 'c': Expression(text='colors.red[500]')}}
    >>> read_config("const c = {a: 'b'}; tailwind.config = c"), read_config("tailwind.config == {a: 'b'}")
    ({'a': 'b'}, {})
    """
    if len(script) > MAX_SCRIPT:
        return {}
    constants: _Constants | None = None
    for assigned in islice(_ASSIGNED.finditer(script), MAX_ASSIGNED):
        constants = constants or _Constants(script)
        value = constants.at(assigned.end())
        if isinstance(value, dict):
            return value
    return {}


class _Constants:
    """The values in a script, those of its constants by their names."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._starts = {match[1]: match.end() for match in _CONSTANT.finditer(script)}
        self._known: dict[str, Value] = {}

    def at(self, start: int) -> Value:
        """The value that begins at `start`, names of constants in it replaced by what they hold."""
        name = _NAME.match(self._script, start)
        call = _CALL.match(self._script, start)
        if name and not call:
            return self._constant(name[0], 0) or Expression(name[0])
        return self._read(start, 0)

    def _read(self, start: int, depth: int) -> Value:
        call = _CALL.match(self._script, start)
        value = _Reader(_tokens(self._script[call.end() if call else start :])).value(0)
        return self._followed(value, depth)

    def _followed(self, value: Value, depth: int) -> Value:
        if depth > MAX_DEPTH:
            return value
        if isinstance(value, dict):
            return {name: self._followed(part, depth + 1) for name, part in value.items()}
        if isinstance(value, Expression):
            return self._named(value, depth)
        return value

    def _named(self, value: Expression, depth: int) -> Value:
        name, *path = value.text.rstrip(";").split(".")
        found = self._constant(name, depth) if _NAME.fullmatch(name) else None
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return value if found is None else found

    def _constant(self, name: str, depth: int) -> Value | None:
        if name not in self._known:
            # Each is read to the end of the script.
            if name not in self._starts or len(self._known) >= MAX_CONSTANTS:
                return None
            self._known[name] = Expression(name)
            self._known[name] = self._read(self._starts[name], depth + 1)
        return self._known[name]


def _tokens(code: str) -> list[str]:
    return [text for text in _TOKEN.findall(code) if not text.startswith(("//", "/*"))]


@dataclass(slots=True)
class _Reader:
    tokens: list[str]
    index: int = field(default=0)

    def value(self, depth: int) -> Value:
        """The value that starts here; afterwards the comma or bracket behind it is next."""
        start = self.index
        token = self._next()
        value: Value | None = None
        if token == "{" and depth < MAX_DEPTH:
            value = self._object(depth)
        elif token == "[" and depth < MAX_DEPTH:
            value = self._array(depth)
        elif token[:1] in ("'", '"', "`") and "${" not in token:
            value = _unquoted(token)
        else:
            self.index = start
        if value is not None and self._peek() in (",", "}", "]", ")", ""):
            return value
        # `'a' + b`: what follows makes it another thing, except a type, and whatever stands behind the config itself.
        if value is not None and (depth == 0 or self._peek() in _TYPED):
            self._skip_type()
            return value
        self._skip()
        return Expression("".join(self.tokens[start : self.index]))

    def _object(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while (token := self._next()) not in ("}", ""):
            if token == ",":
                continue
            if self._peek() in (",", "}") and _NAME.fullmatch(token):
                found.setdefault(token, Expression(token))
                continue
            if self._peek() != ":" or token in _CLOSING:
                self.index -= 1
                self._skip()
                continue
            self.index += 1
            found.setdefault(_unquoted(token), self.value(depth + 1))
        return found

    def _array(self, depth: int) -> list[Value]:
        found: list[Value] = []
        while self._peek() not in ("]", ""):
            if self._peek() in (",", "}", ")", ":"):
                self.index += 1
            else:
                found.append(self.value(depth + 1))
        self.index += 1
        return found

    def _skip(self) -> None:
        """To the comma or the closing bracket that ends the expression here; always at least one token further."""
        first, open_brackets = self.index, 0
        while (token := self._peek()) != "":
            if token in _CLOSING:
                open_brackets += 1
            elif token in ("}", "]", ")"):
                if open_brackets == 0:
                    break
                open_brackets -= 1
            elif token == "," and open_brackets == 0:
                break
            self.index += 1
        if self.index == first:
            self.index += 1

    def _skip_type(self) -> None:
        if self._peek() in _TYPED:
            self._skip()

    def _peek(self) -> str:
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self.index += 1
        return token


def _unquoted(token: str) -> str:
    quote = token[0]
    return token[1:].removesuffix(quote) if quote in "'\"`" else token
