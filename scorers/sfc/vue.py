"""Vue: components in one file, judged as `@vue/compiler-sfc` parses them.

A file is blocks: `<template>` in HTML, scripts, style sheets, blocks of other names. Markup has to be closed as it is
opened: Vue's compiler leaves no end tag out but those of void elements, and any element may end in `/>`. Expressions
in `{{ }}` and in directives have to parse, as TypeScript does it; so have the scripts.

Broken is what the compiler's parser reports (its codes 0 to 27), an expression or a script that does not parse, a
malformed `v-for`. Not covered: what it says of meaning (`v-else` without `v-if`, misused macros, unknown names), the
syntax of style sheets, templates in other languages than HTML, which
nobody judges (`FileReading.unread`).
"""

from __future__ import annotations

import re

from scorers.contents import Contents
from scorers.html.elements import VOID
from scorers.position import shown
from scorers.reading import FileReading
from scorers.sfc.component import Component
from scorers.sfc.tags import OpenTags, StartTag
from scorers.sfc.vue_attributes import AttributeReader, props_of
from scorers.verdict import SyntaxVerdict

_NEXT = re.compile(r"<|\{\{")
_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_END_NAME = re.compile(r"</\s*([A-Za-z][^\s>]*)")
_EMPTY_END = re.compile(r"</\s*>")
_VOID = VOID - {"basefont", "bgsound", "frame", "keygen"}
# Text up to their end tag, outside of SVG; of `title` and `textarea` the text may hold expressions.
_TEXT = frozenset(("textarea", "title"))
_RAW = _TEXT | {"script", "style"}
_SCRIPTS = {"": (False, False), "js": (False, False), "ts": (False, True), "jsx": (True, False), "tsx": (True, True)}


def read_vue(code: str) -> FileReading:
    """Judges and reads a component of Vue. Linear; never raises.

    >>> reading = read_vue("<template>\\n<p :class=\\"{ 'p-4': a }\\">{{ a b }}</div>\\n</template>")
    >>> [(issue.code, issue.position.line, issue.position.column) for issue in reading.verdict.issues]
    [('x-missing-end-tag', 2, 1), ('ts1005', 2, 31), ('x-invalid-end-tag', 2, 35)]
    >>> reading.contents.class_names, reading.contents.tags
    (('p-4',), ('p',))
    """
    component = Component(code)
    vue = _Vue(component)
    vue.read()
    if vue.language:
        unread = f"the template is written in {shown(vue.language)}; only templates in HTML can be scored"
        return FileReading(SyntaxVerdict(()), Contents(), unread)
    return component.reading()


class _Vue:
    """The reading of one component."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.code = component.code
        self.open = OpenTags()
        # How many elements are open around the outermost one with `v-pre`.
        self.plain: int | None = None
        self.attributes = AttributeReader(component)
        # That of a template that is not in HTML.
        self.language = ""

    def read(self) -> None:
        """Reads the component up to its end, or to where it has issues enough."""
        code, at = self.code, 0
        while at < len(code) and not self.component.full and (found := _NEXT.search(code, at)):
            at = self._interpolation(found.start()) if found[0] == "{{" else self._markup(found.start())
        while self.open:
            self._unclosed(*self.open.pop())

    def _unclosed(self, name: str, at: int) -> None:
        self.component.issue("x-missing-end-tag", at, f"`<{shown(name)}>` opened here is never closed")

    def _ends_in(self, code: str, what: str) -> int:
        """The text ends inside of something: an issue; the offset of its end."""
        self.component.issue(code, len(self.code), f"the text ends inside {what}")
        return len(self.code)

    def _interpolation(self, at: int) -> int:
        if self.plain is not None:
            return at + 2
        end = self.code.find("}}", at + 2)
        if end < 0:
            self.component.issue("x-missing-interpolation-end", at, "`{{` opened here is never closed by `}}`")
            return len(self.code)
        self._expression(at + 2, end)
        return end + 2

    def _expression(self, start: int, end: int) -> None:
        if text := self.code[start:end].strip():
            piece = self.component.piece("expression", self.code.index(text, start), text)
            self.component.expression(piece)

    def _markup(self, at: int) -> int:
        """What begins with `<`: the offset behind it."""
        following = self.code[at + 1 : at + 2]
        if following.isascii() and following.isalpha():
            return self._start_tag(at)
        if following == "/":
            return self._end_tag(at)
        if following == "!":
            return self._declaration(at)
        if following == "?":
            message = "`<?` begins nothing that HTML knows"
            self.component.issue("unexpected-question-mark-instead-of-tag-name", at, message)
            return self._behind(">", at)
        return at + 1 if following else self._ends_in("eof-before-tag-name", "a tag")

    def _behind(self, text: str, at: int) -> int:
        end = self.code.find(text, at)
        return len(self.code) if end < 0 else end + len(text)

    def _declaration(self, at: int) -> int:
        if self.code.startswith("<!--", at):
            end = self.code.find("-->", at + 2)
            return self._ends_in("eof-in-comment", "a comment") if end < 0 else end + 3
        if not self.code.startswith("<![CDATA[", at):
            return self._behind(">", at)
        if not self._foreign:
            self.component.issue("cdata-in-html-content", at, "CDATA can only stand inside SVG or MathML")
        end = self.code.find("]]>", at)
        return self._ends_in("eof-in-cdata", "CDATA") if end < 0 else end + 3

    @property
    def _foreign(self) -> bool:
        return self.open.has("svg") or self.open.has("math")

    def _start_tag(self, at: int) -> int:
        block = not self.open
        tag = self.attributes.read(at, plain=self.plain is not None or block)
        if tag is None:
            return self._ends_in("eof-in-tag", "a tag")
        if block:
            return self._block(tag)
        props = props_of(self.component, tag, plain=self.plain is not None)
        self.component.element(tag.name, props, outermost=len(self.open) == 1)
        if tag.closed or tag.name in _VOID:
            return tag.end
        if tag.name in _RAW and not self._foreign:
            return self._raw_text(tag)
        if self.plain is None and tag.get("v-pre") is not None:
            self.plain = len(self.open)
        self.open.push(tag.name.lower(), at)
        return tag.end

    def _block(self, tag: StartTag) -> int:
        language = tag.get("lang") or ""
        if tag.closed:
            return tag.end
        if tag.name == "template" and language in ("", "html"):
            self.open.push(tag.name, tag.at)
            return tag.end
        end = self._end_of_text(tag)
        if end < 0:
            self._unclosed(tag.name, tag.at)
            return len(self.code)
        if tag.name == "template":
            self.language = language
        elif tag.name == "style":
            self.component.sheets.append(self.code[tag.end : end])
        elif tag.name == "script" and language in _SCRIPTS and tag.get("src") is None:
            jsx, typed = _SCRIPTS[language]
            self.component.script(tag.end, end, jsx=jsx, typed=typed)
        return self._behind(">", end)

    def _end_of_text(self, tag: StartTag) -> int:
        """The offset of the end tag of an element in which no tags are read; -1 without one."""
        found = re.compile(rf"</{re.escape(tag.name)}(?=[\s>])", re.IGNORECASE).search(self.code, tag.end)
        return found.start() if found else -1

    def _raw_text(self, tag: StartTag) -> int:
        end = self._end_of_text(tag)
        if end < 0:
            self._unclosed(tag.name, tag.at)
            return len(self.code)
        at = tag.end
        while tag.name in _TEXT and self.plain is None and (at := self.code.find("{{", at, end)) >= 0:
            close = self.code.find("}}", at, end)
            if close < 0:
                break
            self._expression(at + 2, close)
            at = close + 2
        return self._behind(">", end)

    def _end_tag(self, at: int) -> int:
        found = _END_NAME.match(self.code, at)
        if found is None:
            if _EMPTY_END.match(self.code, at):
                self.component.issue("missing-end-tag-name", at, "`</>` names no element to close")
            elif not self.code[at + 2 :].strip():
                return self._ends_in("eof-before-tag-name", "a tag")
            return self._behind(">", at)
        if found.end() == len(self.code):
            return self._ends_in("eof-in-tag", "a tag")
        if found[1] not in _VOID:
            self._close(found[1], at)
        return self._behind(">", found.end())

    def _close(self, name: str, at: int) -> None:
        key = name.lower()
        if not self.open.has(key):
            message = f"`</{shown(name)}>` has no open element to close"
            self.component.issue("x-invalid-end-tag", at, message)
            return
        while (top := self.open.pop())[0] != key:
            line = self.component.line(at)
            message = f"`<{shown(top[0])}>` opened here is not closed before `</{shown(name)}>` at line {line}"
            self.component.issue("x-missing-end-tag", top[1], message)
        if self.plain is not None and len(self.open) <= self.plain:
            self.plain = None
