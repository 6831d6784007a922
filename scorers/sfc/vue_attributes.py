"""The attributes of Vue's templates: how they are written, and the code in directives."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from scorers.position import shown
from scorers.sfc.component import Chunk, Component, Prop, text_value
from scorers.sfc.tags import Attribute, StartTag, Value

_TAG_NAME = re.compile(r"<([A-Za-z][^\s/>]*)")
_BLANKS = re.compile(r"\s*")
_NAME = re.compile(r"[^\s/>][^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>]*")
_IN_NO_NAME = re.compile("[\"'<]")
_IN_NO_VALUE = re.compile("[\"'<=`]")
_DIRECTIVE = re.compile(r"v-|[.:@#]")
_NAMELESS = re.compile(r"v-(?:[:.]|\Z)")
_OPEN_ARGUMENT = re.compile(r"(?:v-[^:.]*:|[:@#.])[^.\[]*\[[^\]]*\Z")
_ARGUMENT = re.compile(r"(?:v-[^:.]*:|[:@#.])\[([^\]]*)\]")
_LOOP = re.compile(r"\s(?:in|of)\s")
_WORD = re.compile(r"(?!\d)[\w$]+")
_NO_VALUE = frozenset(("v-else", "v-pre", "v-once", "v-cloak"))
_BOUND = re.compile(r"(?:v-bind:|:|\.)([\w-]+)")


class AttributeReader:
    """Reads start tags, and says what is wrong in them."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._code = component.code

    def read(self, at: int, *, plain: bool) -> StartTag | None:
        """The start tag at an offset; None where the text ends in it. `plain` ones have no directives."""
        code = self._code
        named = _TAG_NAME.match(code, at)
        name, end = (named[1], named.end()) if named else ("", at + 1)
        attributes: dict[str, Attribute] = {}
        bare = False
        while True:
            end = self._blanks(end)
            if end >= len(code):
                return None
            # Behind an attribute without a value, Vue reads `<` as the name of the next one.
            if code[end] == ">" or (code.startswith("</", end) and not bare):
                return StartTag(name, at, end + (code[end] == ">"), tuple(attributes.values()))
            if code[end] == "/":
                close = self._blanks(end + 1)
                if code[end + 1 : end + 2] != ">":
                    self._component.issue("unexpected-solidus-in-tag", end, "`/` stands here without `>`")
                if code[close : close + 1] == ">":
                    return StartTag(name, at, close + 1, tuple(attributes.values()), closed=True)
                end = close
                continue
            attribute, end = self._attribute(end, plain)
            if attribute is None:
                return None
            bare = attribute.value is Value.NONE
            if attribute.name in attributes:
                message = f"`{shown(attribute.name)}` is given twice"
                self._component.issue("duplicate-attribute", attribute.at, message)
            attributes.setdefault(attribute.name, attribute)

    def _blanks(self, at: int) -> int:
        blanks = _BLANKS.match(self._code, at)
        return blanks.end() if blanks else at

    def _attribute(self, at: int, plain: bool) -> tuple[Attribute | None, int]:
        """The attribute at an offset, and the offset behind it; no attribute where the text ends in it."""
        code = self._code
        named = _NAME.match(code, at)
        name, end = (named[0], named.end()) if named else (code[at], at + 1)
        self._name(name, at, plain)
        equals = _EQUALS.match(code, end)
        if equals is None:
            return Attribute(name, at), end
        start = equals.end()
        quote = code[start : start + 1]
        if quote in ("'", '"'):
            end = code.find(quote, start + 1)
            if end < 0:
                return None, len(code)
            return Attribute(name, at, code[start + 1 : end], start + 1, Value.QUOTED), end + 1
        unquoted = _UNQUOTED.match(code, start)
        text = unquoted[0] if unquoted else ""
        if wrong := _IN_NO_VALUE.search(text):
            message = f"`{wrong[0]}` cannot stand in a value without quotes"
            self._component.issue("unexpected-character-in-unquoted-attribute-value", start + wrong.start(), message)
        if not text and (plain or not _DIRECTIVE.match(name)):
            self._component.issue("missing-attribute-value", start, f"`{shown(name)}` has no value behind its `=`")
        return Attribute(name, at, text, start, Value.PLAIN), start + len(text)

    def _name(self, name: str, at: int, plain: bool) -> None:
        issue = self._component.issue
        if name.startswith("="):
            message = "`=` stands here without the name of an attribute"
            issue("unexpected-equals-sign-before-attribute-name", at, message)
        if _DIRECTIVE.match(name):
            if not plain and _NAMELESS.match(name):
                issue("x-missing-directive-name", at, f"`{shown(name)}` is a directive without a name")
            if _OPEN_ARGUMENT.match(name):
                message = f"`[` of `{shown(name)}` is never closed; there can be no blank in it"
                issue("x-missing-dynamic-directive-argument-end", at, message)
        elif wrong := _IN_NO_NAME.search(name, 1):
            message = f"a quote or `>` is missing: `{shown(name)}` is read as an attribute's name"
            issue("unexpected-character-in-attribute-name", at + wrong.start(), message)


def props_of(component: Component, tag: StartTag, *, plain: bool) -> Iterator[Prop]:
    """What the attributes of a tag say; the code in them is handed to the component. `plain` ones are no directives."""
    plain = plain or tag.get("v-pre") is not None
    for attribute in tag.attributes:
        if not plain and _DIRECTIVE.match(attribute.name):
            yield from _directive(component, attribute)
        elif attribute.name == "style":
            text = html.unescape(attribute.text)
            component.inline.append(text)
            # An element may be the page's background.
            yield Prop(attribute.name, (text_value(text),))
        elif attribute.value is not Value.NONE:
            yield Prop(attribute.name, (text_value(html.unescape(attribute.text)),))


def _directive(component: Component, attribute: Attribute) -> Iterator[Prop]:
    name = attribute.name
    if argument := _ARGUMENT.match(name):
        yield from _code(component, "x", "expression", argument[1], attribute.at + argument.start(1))
    if name in _NO_VALUE or not attribute.text.strip():
        return
    text, at = attribute.text, attribute.value_at
    if name == "v-for":
        yield from _loop(component, attribute)
    elif name.startswith(("#", "v-slot")):
        yield from _code(component, "x", "parameters", text, at)
    elif name.startswith(("@", "v-on")) and ";" in html.unescape(text):
        yield from _code(component, "x", "module", text, at)
    else:
        bound = _BOUND.match(name)
        yield from _code(component, bound[1] if bound else "x", "expression", text, at)


def _loop(component: Component, attribute: Attribute) -> Iterator[Prop]:
    """`(item, index) in items`."""
    text = attribute.text
    found = _LOOP.search(text)
    if found is None or not text[found.end() :].strip():
        message = f"`{shown(text)}` is no loop: Vue reads `item in items`"
        component.issue("x-v-for-malformed-expression", attribute.value_at, message)
        return
    names = text[: found.start()].strip()
    at = attribute.value_at + text.index(names)
    if names.startswith("(") and names.endswith(")"):
        names, at = names[1:-1], at + 1
    yield from _code(component, "x", "parameters", names, at)
    yield from _code(component, "x", "expression", text[found.end() :], attribute.value_at + found.end())


def _code(component: Component, name: str, shape: str, text: str, at: int) -> Iterator[Prop]:
    code = html.unescape(text) if "&" in text else text
    if not code.strip():
        return
    value: Chunk = code if _WORD.fullmatch(code) else component.piece(shape, at, code)
    # clsx takes objects and arrays as Vue does, so its argument is read as Vue's classes are.
    yield Prop(name, ("clsx(", value, ")") if name == "class" else (value,))
