"""Svelte 4 and 5: components in one file, judged as `svelte/compiler` parses them.

A file is markup with at most two scripts and a style sheet. Blocks (`{#if}…{/if}`) nest with components and elements.
An element that ends with the one around it is forgiven, as the compiler does (it warns: `soft`); one left open at the
end of the file, or of a block or component, is not. A few elements end where HTML ends them (`<li>` before `<li>`).
Expressions have to parse, as TypeScript does it; where no script says `lang="ts"`, without its types.

Issues carry the compiler's own codes; those of code are TypeScript's. Not covered: what the compiler says of meaning
(where `<svelte:head>` may stand, what `{@debug}` may name, a component without `this`), and the syntax of style sheets.
"""

from __future__ import annotations

import re

from scorers.html.elements import HEADINGS
from scorers.position import shown
from scorers.reading import FileReading
from scorers.sfc.component import Component
from scorers.sfc.javascript import closing_brace
from scorers.sfc.svelte_attributes import TAG_NAME, SvelteAttributes
from scorers.sfc.svelte_blocks import BLOCKS, Head, read_head, read_special
from scorers.sfc.tags import OpenTags, StartTag

_NEXT = re.compile(r"[<{]")
_BLANKS = re.compile(r"\s*")
_END_NAME = re.compile(r"</([^\s/>]*)\s*")
_DECLARATION = re.compile(r"(?:let|const)\b")
_ELSE_IF = re.compile(r"if\s+")
_ELEMENT = re.compile(r"![A-Za-z]+|[A-Za-z][A-Za-z0-9]*(?::[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]|-[^\s/>]*)?")
_COMPONENT = re.compile(r"[A-Z][\w$.]*|(?!\d)[\w$]+(?:\.[\w$]+)+")
_VOID = frozenset(
    ("area", "base", "br", "col", "command", "embed", "hr", "img", "input", "keygen", "link", "meta", "param", "source")
) | {"track", "wbr"}
# The start tags that end an element whose end tag HTML lets its author leave out:
# https://html.spec.whatwg.org/multipage/syntax.html#optional-tags.
_ENDED_BY = {
    "li": frozenset(("li",)),
    **dict.fromkeys(("dt", "dd"), frozenset(("dt", "dd"))),
    **dict.fromkeys(("rt", "rp"), frozenset(("rt", "rp"))),
    "optgroup": frozenset(("optgroup",)),
    "option": frozenset(("option", "optgroup")),
    **dict.fromkeys(("thead", "tbody"), frozenset(("tbody", "tfoot"))),
    "tfoot": frozenset(("tbody",)),
    "tr": frozenset(("tr", "tbody")),
    **dict.fromkeys(("td", "th"), frozenset(("td", "th", "tr"))),
    "p": HEADINGS
    | frozenset(
        [
            "address",
            "article",
            "aside",
            "blockquote",
            "div",
            "dl",
            "fieldset",
            "footer",
            "form",
            "header",
            "hgroup",
            "hr",
            "main",
            "menu",
            "nav",
            "ol",
            "p",
            "pre",
            "section",
            "table",
            "ul",
        ]
    ),
}
_SCRIPT_END = re.compile(r"</script\s*>")
_STYLE_END = re.compile(r"</style\s*>?")
_TEXTAREA_END = re.compile(r"</textarea(?:\s[^>]*)?>", re.IGNORECASE)
# Of blocks, the clauses that may follow; each once.
_CLAUSES = {"if": ("else",), "each": ("else",), "await": ("then", "catch")}


def read_svelte(code: str) -> FileReading:
    """Judges and reads a component of Svelte. Linear; never raises.

    >>> reading = read_svelte("{#if a}\\n<p class='p-4 {b ? `m-1` : c}' onclick={() => a > b}>{a b}\\n{/if}")
    >>> [(issue.code, issue.position.line, issue.position.column) for issue in reading.verdict.issues]
    [('ts1005', 2, 57), ('block_unexpected_close', 3, 1)]
    >>> reading.contents.class_names, read_svelte("<div><b>x</div>").verdict.soft
    (('p-4', 'm-1'), 1)
    """
    component = Component(code, typed=False)
    _Svelte(component).read()
    return component.reading()


def _is_void(name: str) -> bool:
    return name in _VOID or name.lower() == "!doctype"


class _Svelte:
    """The reading of one component. Blocks are open under `#if` and the like."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.code = component.code
        self.length = len(component.code.rstrip())
        self.open = OpenTags()
        self.attributes = SvelteAttributes(component)
        # For each open block, the clauses that it has had.
        self.had: list[set[str]] = []
        self.blocks: set[str] = set()

    def read(self) -> None:
        """Reads the component up to its end, or to what cannot be read on from."""
        at: int | None = 0
        while at is not None and not self.component.full and (found := _NEXT.search(self.code, at, self.length)):
            at = self._element(found.start()) if found[0] == "<" else self._tag(found.start())
        if at is None:
            return
        while self.open:
            name, start = self.open.pop()
            block = name.startswith("#")
            message = f"`{'{' if block else '<'}{shown(name)}{'}' if block else '>'}` opened here is never closed"
            self.component.issue("block_unclosed" if block else "element_unclosed", start, message)

    def _fail(self, code: str, at: int, message: str) -> int | None:
        """An issue after which nothing can be read: the compiler stops there, too."""
        self.component.issue(code, min(at, len(self.code)), message)
        return None

    def _tag(self, at: int) -> int | None:
        """What stands in braces: the offset behind it, None after an issue that ends the reading."""
        code = self.code
        blanks = _BLANKS.match(code, at + 1)
        start = blanks.end() if blanks else at + 1
        sign = code[start : start + 1]
        closing = sign == "/" and code[start + 1 : start + 2] not in ("/", "*")
        # Read as code, `{/if}{/if}` would hold a regular expression.
        end = code.find("}", start) if closing else closing_brace(code, at + 1)
        if end < 0:
            return self._fail("unexpected_eof", at, "`{` opened here is never closed by `}`")
        if sign == "#":
            self._open_block(at, Head.of(code, start + 1, end))
        elif sign == ":":
            self._clause(at, Head.of(code, start + 1, end))
        elif sign == "@":
            if wrong := read_special(self.component, Head.of(code, start + 1, end)):
                self.component.issue("expected_tag", at, wrong)
        elif closing:
            self._close_block(at, code[start + 1 : end].strip())
        else:
            shape = "module" if _DECLARATION.match(code, start) else "expression"
            self.component.expression(self.component.piece(shape, start, code[start:end]))
        return end + 1

    def _open_block(self, at: int, head: Head) -> None:
        if head.word not in BLOCKS:
            message = f"Svelte has no block `{{#{shown(head.word)}}}`: it knows if, each, await, key and snippet"
            self.component.issue("expected_block_type", at, message)
            return
        if wrong := read_head(self.component, head):
            self.component.issue("expected_token", head.at, wrong)
        self.open.push(f"#{head.word}", at)
        self.had.append(set())

    def _clause(self, at: int, head: Head) -> None:
        name, opened = self.open.top
        allowed = _CLAUSES.get(name[1:], ()) if name.startswith("#") else ()
        if head.word not in allowed:
            line = self.component.line(opened)
            where = f"inside the `{shown(name)}` of line {line}" if name else "outside of a block"
            message = f"`{{:{shown(head.word)}}}` cannot stand here, {where}"
            self.component.issue("block_invalid_continuation_placement", at, message)
            return
        if head.word in self.had[-1]:
            self.component.issue("block_duplicate_clause", at, f"`{{:{head.word}}}` comes twice in one block")
        condition = _ELSE_IF.match(head.rest) if name == "#if" else None
        if condition is not None:
            start = head.at + condition.end()
            self.component.expression(self.component.piece("expression", start, head.rest[condition.end() :]))
            return
        self.had[-1].add(head.word)
        if head.word != "else" and head.rest:
            self.component.expression(self.component.piece("parameters", head.at, head.rest))
        elif head.rest:
            self.component.issue("expected_token", head.at, "`}` was expected here")

    def _close_block(self, at: int, name: str) -> None:
        if self.open.top[0] == f"#{name}":
            self.open.pop()
            self.had.pop()
            return
        opened, start = self.open.top
        what = f"`{shown(opened)}` of line {self.component.line(start)} is still open" if opened else "nothing is open"
        self.component.issue("block_unexpected_close", at, f"`{{/{shown(name)}}}` cannot stand here: {what}")
        if self.open.has(f"#{name}"):
            while self._pop() != f"#{name}":
                pass

    def _pop(self) -> str:
        name, _ = self.open.pop()
        if name.startswith("#"):
            self.had.pop()
        return name

    def _element(self, at: int) -> int | None:
        code = self.code
        if code.startswith("<!--", at):
            end = code.find("-->", at + 4)
            return self._fail("expected_token", at, "this comment is never closed by `-->`") if end < 0 else end + 3
        if code.startswith("/", at + 1):
            return self._end_tag(at)
        named = TAG_NAME.match(code, at)
        name = named[1] if named else ""
        if not (_ELEMENT.fullmatch(name) or _COMPONENT.fullmatch(name)):
            message = f"`<{shown(name)}` begins no element; write `&lt;` for the sign"
            self.component.issue("tag_invalid_name", at, message)
            return at + 1
        tag, props = self.attributes.read(at, own=not self.open)
        if tag is None:
            return None
        if tag.name in ("script", "style"):
            return self._raw_text(tag)
        if not tag.name.startswith("!"):
            self.component.element(tag.name, props, outermost=len(self.open) == len(self.had))
        if self.open.top[0] in _ENDED_BY and tag.name in _ENDED_BY[self.open.top[0]]:
            self.open.pop()
        if tag.closed or _is_void(tag.name):
            return tag.end
        if tag.name == "textarea":
            return self._textarea(tag)
        self.open.push(tag.name, at)
        return tag.end

    def _raw_text(self, tag: StartTag) -> int | None:
        """A script or a style sheet; those at the top are the component's own."""
        own = not self.open
        if tag.closed and not own:
            return tag.end
        found = (_SCRIPT_END if tag.name == "script" else _STYLE_END).search(self.code, tag.end)
        if found is None:
            message = f"`<{tag.name}>` opened here is never closed"
            return self._fail("element_unclosed", tag.at, message)
        if tag.name == "style":
            self.component.sheets.append(self.code[tag.end : found.start()])
        elif own:
            # The compiler looks for the word alone, so that a quote which is missing beside it changes nothing.
            typed = (tag.get("lang") or "").strip("\"'") == "ts"
            self.component.typed |= typed
            self.component.script(tag.end, found.start(), jsx=False)
        if own:
            self._once(tag)
        return found.end()

    def _once(self, tag: StartTag) -> None:
        module = tag.get("module") is not None or tag.get("context") is not None
        kind = "module" if tag.name == "script" and module else tag.name
        if kind in self.blocks:
            code = "style_duplicate" if kind == "style" else "script_duplicate"
            self.component.issue(code, tag.at, f"a second `<{tag.name}>` of this kind: a component has one")
        self.blocks.add(kind)

    def _textarea(self, tag: StartTag) -> int | None:
        found = _TEXTAREA_END.search(self.code, tag.end)
        if found is None:
            return self._fail("element_unclosed", tag.at, "`<textarea>` opened here is never closed")
        at, end = tag.end, 0
        while (at := self.code.find("{", at, found.start())) >= 0:
            end = closing_brace(self.code, at + 1)
            if end < 0:
                return self._fail("unexpected_eof", at, "`{` opened here is never closed by `}`")
            self.component.expression(self.component.piece("expression", at + 1, self.code[at + 1 : end]))
            at = end + 1
        # Behind an expression that runs on beyond the end tag, so that nothing is read twice.
        return max(found.end(), end + 1)

    def _end_tag(self, at: int) -> int | None:
        found = _END_NAME.match(self.code, at)
        name, end = (found[1], found.end()) if found else ("", at + 2)
        if not self.code.startswith(">", end):
            return self._fail("expected_token", end, f"`>` is missing: `</{shown(name)}` is no end tag")
        if _is_void(name):
            message = f"`</{shown(name)}>` closes an element that has no end tag"
            self.component.issue("void_element_invalid_content", at, message)
        else:
            self._close(name, at)
        return end + 1

    def _close(self, name: str, at: int) -> None:
        """Closes an element, and the elements inside it; components and blocks inside it are to be closed before."""
        if self.open.has(name):
            while (top := self.open.top)[0] != name and self._ends_by_itself(top[0]):
                self.component.soft += 1
                self.open.pop()
            if top[0] == name:
                self.open.pop()
                return
            line = self.component.line(top[1])
            message = f"`</{shown(name)}>` comes while the `{shown(top[0])}` of line {line} is open"
        else:
            message = f"`</{shown(name)}>` has no open element to close"
        self.component.issue("element_invalid_closing_tag", at, message)

    def _ends_by_itself(self, name: str) -> bool:
        special = name.startswith(("#", "svelte:")) or name == "slot" or _COMPONENT.fullmatch(name)
        return not special and not (name == "title" and self.open.has("svelte:head"))
