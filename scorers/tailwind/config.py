"""Reads a page's `tailwind.config = {…}` as data. It is JavaScript, and never run.

Understood: objects, arrays, strings, templates without substitutions, comments, and a config that is a constant of the
same script. Everything else (`theme => …`, `require(…)`, `a + b`) is kept as the text of an expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

MAX_SCRIPT = 100_000
MAX_DEPTH = 12
_TOKEN = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
    r"|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`(?:[^`\\]|\\.)*+`?"
    r"|\.\.\.|[{}\[\](),:]|[^\s{}\[\](),:\"'`/]+|/",
    re.DOTALL,
)
_ASSIGNED = re.compile(r"(?:\btailwind\.config|\bmodule\.exports)\s*=(?!=)\s*|\bexport\s+default\s+")
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
    assigned = _ASSIGNED.search(script)
    if assigned is None:
        return {}
    start = assigned.end()
    if not script.startswith("{", start):
        name = _NAME.match(script, start)
        defined = name and re.search(rf"\b(?:const|let|var)\s+{re.escape(name[0])}\s*=\s*(?={{)", script)
        if not defined:
            return {}
        start = defined.end()
    value = _Reader(_tokens(script[start:])).value(0)
    return value if isinstance(value, dict) else {}


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
        # `{…} as const`, `'a' + b`: what follows makes it another thing, except behind the config itself.
        if value is not None and depth == 0:
            return value
        self._skip()
        return Expression("".join(self.tokens[start : self.index]))

    def _object(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while (token := self._next()) not in ("}", ""):
            if token == ",":
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

    def _peek(self) -> str:
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self.index += 1
        return token


def _unquoted(token: str) -> str:
    quote = token[0]
    return token[1:].removesuffix(quote) if quote in "'\"`" else token
