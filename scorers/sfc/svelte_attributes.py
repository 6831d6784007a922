"""The attributes of Svelte's markup: how they are written, and the code in them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from scorers.position import shown
from scorers.sfc.component import Chunk, Component, Prop, template_text, text_value
from scorers.sfc.javascript import closing_brace
from scorers.sfc.tags import Attribute, StartTag, Value

TAG_NAME = re.compile(r"<([^\s/>]*)")
_BLANKS = re.compile(r"(?:\s|//[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*")
_NAME = re.compile(r"[^\s/>\"'=]+")
_EQUALS = re.compile(r"\s*=\s*")
_IN_QUOTES = {'"': re.compile(r"[\"{]"), "'": re.compile(r"['{]")}
_PLAIN_EQUALS = re.compile(r"=\s*")
_PLAIN_VALUE = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^>\s]+)")
_UNQUOTED = re.compile(r"/>|[\s\"'=<>`{]")
_IN_BRACES = re.compile(r"\s*(?:(\.\.\.)|(@attach\s)|((?!\d)[\w$]+)\s*\Z)")
_DIRECTIVE = re.compile(r"(use|animate|bind|class|style|on|let|in|out|transition):")
_UNIQUE = {"bind": "", "class": "class:", "style": "style:"}


class SvelteAttributes:
    """Reads start tags and hands the code in them to the component. `failed` says that the last one cannot be read."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._code = component.code
        self._names: set[str] = set()
        self._props: list[Prop] = []

    def read(self, at: int, *, own: bool) -> tuple[StartTag | None, list[Prop]]:
        """The start tag at an offset and what its attributes say; no tag where it has no end. A script or style sheet
        that is the component's `own` has plain values only."""
        code = self._code
        self._names, self._props = set(), []
        named = TAG_NAME.match(code, at)
        name, end = (named[1], named.end()) if named else ("", at + 1)
        attributes: list[Attribute] = []
        read = self._plain if own and name in ("script", "style") else self._attribute
        while True:
            end = self._blanks(end)
            found, end = read(end)
            if found is None:
                break
            attributes.append(found)
        if end < 0:
            return None, self._props
        closed = code.startswith("/", end)
        end += closed
        if not code.startswith(">", end):
            self._missing(">", end)
            return None, self._props
        return StartTag(name, at, end + 1, tuple(attributes), closed), self._props

    def _blanks(self, at: int) -> int:
        blanks = _BLANKS.match(self._code, at)
        return blanks.end() if blanks else at

    def _missing(self, token: str, at: int) -> None:
        if at >= len(self._code):
            self._component.issue("unexpected_eof", len(self._code), "the text ends inside a tag")
        else:
            self._component.issue("expected_token", at, f"`{token}` was expected here")

    def _attribute(self, at: int) -> tuple[Attribute | None, int]:
        """The attribute at an offset and the offset behind it; none where the attributes end, at -1 after an issue."""
        code = self._code
        if code.startswith("{", at):
            return self._braces(at)
        named = _NAME.match(code, at)
        if named is None:
            return None, at
        name, end = named[0], named.end()
        equals = _EQUALS.match(code, end)
        directive = _DIRECTIVE.match(name)
        self._unique(name, directive, at)
        if equals is None:
            after = self._blanks(end)
            if code[after : after + 1] in ("'", '"'):
                self._missing("=", after)
                return None, -1
            self._say(name, directive, None)
            return Attribute(name, at), end
        return self._value(name, directive, at, equals.end())

    def _plain(self, at: int) -> tuple[Attribute | None, int]:
        """As `_attribute`, without expressions."""
        named = _NAME.match(self._code, at)
        if named is None:
            return None, at
        self._unique(named[0], None, at)
        equals = _PLAIN_EQUALS.match(self._code, named.end())
        if equals is None:
            if self._code[named.end() : named.end() + 1] in ("'", '"'):
                self._missing("=", named.end())
                return None, -1
            return Attribute(named[0], at), named.end()
        value = _PLAIN_VALUE.match(self._code, equals.end())
        if value is None:
            self._missing("value", equals.end())
            return None, -1
        text = value[1] or value[2] or value[3] or ""
        return Attribute(named[0], at, text, equals.end(), Value.PLAIN), value.end()

    def _braces(self, at: int) -> tuple[Attribute | None, int]:
        end = closing_brace(self._code, at + 1)
        if end < 0:
            self._missing("}", len(self._code))
            return None, -1
        text = self._code[at + 1 : end]
        found = _IN_BRACES.match(text)
        if found is None:
            self._component.issue("attribute_empty_shorthand", at, "`{name}` or `{...spread}` was expected here")
            return Attribute("", at), end + 1
        if found[3]:
            self._unique(found[3], None, at)
            return Attribute(found[3], at, text, at + 1, Value.BRACES), end + 1
        self._props.append(Prop("x", (self._component.piece("expression", at + 1 + found.end(), text[found.end() :]),)))
        return Attribute("", at, text, at + 1, Value.BRACES), end + 1

    def _unique(self, name: str, directive: re.Match[str] | None, at: int) -> None:
        kind = directive[1] if directive else "bind"
        if kind not in _UNIQUE:
            return
        bare = name[directive.end() :].split("|")[0] if directive else name
        key = _UNIQUE[kind] + bare
        if key in self._names:
            self._component.issue("attribute_duplicate", at, f"`{shown(name)}` is given twice")
        elif bare != "this":
            self._names.add(key)

    def _value(self, name: str, directive: re.Match[str] | None, at: int, start: int) -> tuple[Attribute | None, int]:
        code = self._code
        if start >= len(code):
            self._missing("value", start)
            return None, -1
        quote = code[start] if code[start] in _IN_QUOTES else ""
        if not quote and code.startswith("/>", start):
            chunks: list[Chunk] | None = ["/"]
            end = start + 1
        else:
            chunks, end = self._sequence(start + len(quote), _IN_QUOTES.get(quote, _UNQUOTED))
        if chunks is None:
            return None, -1
        if not chunks and not quote:
            self._component.issue("expected_attribute_value", start, f"`{shown(name)}` has no value behind its `=`")
            return None, -1
        if directive and directive[1] != "style" and chunks and (len(chunks) > 1 or isinstance(chunks[0], str)):
            message = f"`{shown(name)}` takes an expression in braces"
            self._component.issue("directive_invalid_value", start, message)
        self._say(name, directive, chunks)
        text = code[start + len(quote) : end]
        kind = Value.QUOTED if quote else Value.PLAIN
        return Attribute(name, at, text, start + len(quote), kind), end + len(quote)

    def _sequence(self, at: int, stop: re.Pattern[str]) -> tuple[list[Chunk] | None, int]:
        """Text and expressions up to what ends a value: text as it is written, an expression as its piece's number."""
        code, chunks = self._code, list[Chunk]()
        while found := stop.search(code, at):
            if found.start() > at:
                chunks.append(code[at : found.start()])
            at = found.start()
            if code[at] != "{":
                return chunks, at
            end = closing_brace(code, at + 1)
            if end < 0:
                self._missing("}", len(code))
                return None, at
            if code[at + 1 : at + 2] in ("#", "@"):
                message = "blocks and tags cannot stand inside the value of an attribute"
                self._component.issue("block_invalid_placement", at, message)
                return None, at
            chunks.append(self._component.piece("expression", at + 1, code[at + 1 : end]))
            at = end + 1
        self._missing("value", len(code))
        return None, at

    def _say(self, name: str, directive: re.Match[str] | None, chunks: list[Chunk] | None) -> None:
        """What an attribute says, as a prop; without `chunks` it has no value."""
        if directive and directive[1] == "class":
            self._props.append(Prop("className", (text_value(name[directive.end() :].split("|")[0]),)))
        elif directive and directive[1] == "style":
            key = text_value(name[directive.end() :].split("|")[0])
            self._props.append(Prop("style", ("{", key, ": ", *_joined(chunks or []), "}")))
            return
        if chunks is None:
            return
        if name == "style":
            self._component.inline.append("".join(c if isinstance(c, str) else " " for c in chunks))
            if len(chunks) == 1 and isinstance(chunks[0], str):
                # An element may be the page's background.
                self._props.append(Prop(name, tuple(_joined(chunks))))
            self._props += (Prop("x", (chunk,)) for chunk in chunks if not isinstance(chunk, str))
            return
        value = tuple(_joined(chunks))
        only = name == "class" and len(chunks) == 1 and not isinstance(chunks[0], str)
        # Svelte takes objects and arrays as clsx does.
        self._props.append(Prop("x" if directive else name, ("clsx(", *value, ")") if only else value))


def _joined(chunks: list[Chunk]) -> Iterator[Chunk]:
    """The value of text and expressions: a string, an expression or a template literal."""
    if len(chunks) < 2:
        yield from ((text_value(html.unescape(c)) if isinstance(c, str) else c) for c in chunks or [""])
        return
    yield "`"
    for chunk in chunks:
        if isinstance(chunk, str):
            yield template_text(html.unescape(chunk))
        else:
            yield from ("${", chunk, "}")
    yield "`"
