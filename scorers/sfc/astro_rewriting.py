"""Astro's components written anew as TSX, each character with the place that it came from.

The frontmatter stands before the markup, which becomes a fragment. Void elements get their slash;
comments and the text of scripts and style sheets are left out; signs that JSX takes for more than text (`>`, a lonely
`<`) as well. What JSX has no words for is said in its own: `class:list={a}` as `class={clsx(a)}`, a value in back
quotes as an expression, adjacent elements in an expression as a fragment. Lines stay lines.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from scorers.html.elements import VOID
from scorers.sfc.javascript import BRACES_AND_TAGS, FENCE, next_stop, template_end, template_stop
from scorers.source import OffsetMap

_VOID = VOID - {"basefont", "bgsound", "frame", "keygen"}
_IN_TEXT = re.compile(r"[<{}>]")
_TAG_NAME = re.compile(r"<((?!\d)[\w$][\w$.:-]*|(?=>))")
_END_TAG = re.compile(r"</([^\s<>/]*)\s*>")
# What makes a brace hold elements as their children, and what goes on with an element in an expression.
_CHILDREN = re.compile(r"\{\s*<(?:!--|(?!\d)[\w$>])")
_ADJACENT = re.compile(r"\s*<(?:!--|(?!\d)[\w$>])")
_BLANKS = re.compile(r"\s+")
_COMMENT = re.compile(r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_SLASH = re.compile(r"/\s*>")
_SPREAD = re.compile(r"\{\s*\.\.\.")
_ATTRIBUTE = re.compile(r"[^\s=>/{<]+|=")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>/<{]+")
_PROP = re.compile(r"[A-Za-z_$][\w$-]*(?::[A-Za-z_$][\w$-]*)?")
# What neither JSX nor Astro takes for a name or a number.
_NO_NUMBER = re.compile(r"\d[\d.]*[A-Za-z_$]")
_RAW = frozenset(("script", "style"))
# Of what stands in one another; the parser of TSX comes to no 5,000, and memory must stay bounded.
_MAX_DEPTH = 5_000
_LINE = re.compile(r"[^\n]")
_SCRIPT_TYPE = re.compile(r"|module|(?:text|application)/(?:java|ecma)script")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A component as TSX. `scripts` are the spans, in the component, of scripts that are code; `soft` counts end tags
    that close nothing. `ours` are the offsets, in the TSX, of fragments that the component does not have; `unclosed`
    are names and offsets, in the component, of elements that are open at its end."""

    code: str
    places: OffsetMap
    scripts: tuple[tuple[int, int], ...]
    sheets: tuple[str, ...]
    inline: tuple[str, ...]
    soft: int
    ours: frozenset[int]
    unclosed: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Frame:
    """What is being read: `text` (children of elements), `code`, `template` or `tag`. `after` is said where it ends.

    Children end at `}` (`braces`), behind the last of some adjacent elements (`run`) or with the component (`root`);
    `open` are the elements open among them. Of a tag, `name`, its place and what its attributes say.
    """

    kind: str
    after: str = ""
    until: str = ""
    open: list[tuple[str, int]] = field(default_factory=list)
    name: str = ""
    at: int = 0
    raw: bool = False
    type: str = ""


def as_tsx(code: str) -> Rewritten:
    """A component as TSX. Linear; never raises.

    >>> as_tsx("---\\nlet a\\n---\\n<p>a > b<br><!-- c -->{d && <i/>}").code
    ';   \\nlet a\\n;<>\\n<p>a   b<br/>          {d && <><i/></>}</>'
    """
    writer = _Writer(code)
    writer.say(";", 0)
    at = writer.frontmatter()
    writer.fragment(at)
    while at < len(code) and len(writer.frames) <= _MAX_DEPTH:
        at = writer.step(at)
    writer.keep(at, len(code))
    for frame in reversed(writer.frames):
        if frame.kind == "text":
            writer.say("</>", len(code))
    return writer.rewritten()


@dataclass(slots=True)
class _Writer:
    """Writes the TSX; each step reads on from an offset and answers with the next one."""

    code: str
    frames: list[_Frame] = field(default_factory=lambda: [_Frame("text", until="root")])
    _out: list[str] = field(default_factory=list)
    _length: int = 0
    _places: list[tuple[int, int]] = field(default_factory=list)
    _scripts: list[tuple[int, int]] = field(default_factory=list)
    _sheets: list[str] = field(default_factory=list)
    _inline: list[str] = field(default_factory=list)
    _soft: int = 0
    _ours: set[int] = field(default_factory=set)

    def rewritten(self) -> Rewritten:
        """What was written."""
        return Rewritten(
            "".join(self._out),
            OffsetMap(tuple(self._places) or ((0, 0),)),
            tuple(self._scripts),
            tuple(self._sheets),
            tuple(self._inline),
            self._soft,
            frozenset(self._ours),
            tuple(element for frame in self.frames for element in frame.open),
        )

    def say(self, text: str, at: int) -> None:
        """Writes text of our own, which stands for what is at an offset."""
        self._places.append((self._length, at))
        self._out.append(text)
        self._length += len(text)

    def fragment(self, at: int) -> None:
        """Writes the start tag of a fragment."""
        self._ours.add(self._length)
        self.say("<>", at)

    def keep(self, start: int, end: int) -> int:
        """Writes what stands between two offsets as it is; the second."""
        if start < end:
            self.say(self.code[start:end], start)
        return end

    def _blank(self, start: int, end: int) -> int:
        if start < end:
            self.say(_LINE.sub(" ", self.code[start:end]), start)
        return end

    def frontmatter(self) -> int:
        """Writes the frontmatter, if there is one that ends; the offset behind it."""
        start = self.code.find("---")
        tag = self.code.find("<")
        if start < 0 or 0 <= tag < start:
            return 0
        end = self._fence(start + 3)
        if end < 0:
            return 0
        self.keep(self._blank(0, start + 3), end)
        self.say(";", end)
        return end + 3

    def _fence(self, at: int) -> int:
        while (at := next_stop(self.code, at, FENCE)) < len(self.code):
            if self.code[at] != "`":
                return at
            at = template_end(self.code, at + 1)
            if at < 0:
                break
        return -1

    def step(self, at: int) -> int:
        """Reads on from an offset."""
        kind = self.frames[-1].kind
        if kind == "text":
            return self._text(at)
        if kind == "code":
            return self._code(at)
        return self._tag(at) if kind == "tag" else self._template(at)

    def _code(self, at: int) -> int:
        stop = next_stop(self.code, at, BRACES_AND_TAGS)
        self.keep(at, stop)
        if stop == len(self.code):
            return stop
        if self.code[stop] == "<":
            self.fragment(stop)
            self.frames.append(_Frame("text", until="run"))
            return stop
        if self.code[stop] == "}":
            self.say(self.frames.pop().after, stop)
        else:
            self.frames.append(_Frame("template" if self.code[stop] == "`" else "code"))
        return self.keep(stop, stop + 1)

    def _template(self, at: int) -> int:
        stop = template_stop(self.code, at)
        if stop < 0:
            return self.keep(at, len(self.code))
        self.keep(at, stop)
        if self.code[stop - 1] == "`":
            self.say(self.frames.pop().after, stop)
        else:
            self.frames.append(_Frame("code"))
        return stop

    def _text(self, at: int) -> int:
        frame = self.frames[-1]
        if frame.until == "run" and not frame.open and not _ADJACENT.match(self.code, at):
            self.say("</>", at)
            self.frames.pop()
            return at
        found = _IN_TEXT.search(self.code, at)
        stop = self.keep(at, found.start() if found else len(self.code))
        if found is None:
            return stop
        if found[0] == "<":
            return self._markup(stop)
        if found[0] == "{":
            return self._open_brace(stop)
        if found[0] == ">" or (frame.until == "root" and not frame.open):
            return self._blank(stop, stop + 1)
        if frame.until == "braces" and not frame.open:
            self.say("</>", stop)
            self.frames.pop()
        return self.keep(stop, stop + 1)

    def _open_brace(self, at: int) -> int:
        end = self.keep(at, at + 1)
        if _CHILDREN.match(self.code, at):
            self.fragment(end)
            self.frames.append(_Frame("text", until="braces"))
        else:
            self.frames.append(_Frame("code"))
        return end

    def _markup(self, at: int) -> int:
        """What begins with `<` among text."""
        code, frame = self.code, self.frames[-1]
        if code.startswith("<!--", at):
            return self._blank(at, self._behind("-->", at + 4))
        if code.startswith(("<!", "<?"), at):
            return self._blank(at, self._behind(">", at))
        if code.startswith("</", at):
            return self._end_tag(at)
        named = _TAG_NAME.match(code, at)
        if named is None:
            # The end of the text inside a tag is what nothing can be made of.
            return self._blank(at, at + 1) if at + 1 < len(code) else self.keep(at, at + 1)
        if named[1]:
            self.frames.append(_Frame("tag", name=named[1], at=at))
            return self.keep(at, named.end())
        frame.open.append(("", at))
        return self.keep(at, at + 2)

    def _behind(self, text: str, at: int) -> int:
        end = self.code.find(text, at)
        return len(self.code) if end < 0 else end + len(text)

    def _end_tag(self, at: int) -> int:
        frame = self.frames[-1]
        found = _END_TAG.match(self.code, at)
        if not frame.open and frame.until == "root":
            self._soft += 1
            return self._blank(at, at + 2)
        if found is None:
            return self.keep(at, at + 2)
        if frame.open:
            frame.open.pop()
        return self.keep(at, found.end())

    def _tag(self, at: int) -> int:
        """One attribute, or the end, of a start tag."""
        code = self.code
        if blanks := _BLANKS.match(code, at):
            return self.keep(at, blanks.end())
        if comment := _COMMENT.match(code, at):
            return self._blank(at, comment.end())
        character = code[at]
        if character == ">":
            return self._end_of_tag(at)
        if character == "/":
            closed = _SLASH.match(code, at)
            if closed is None:
                return self.keep(at, at + 1)
            self.frames.pop()
            return self.keep(at, closed.end())
        if character == "{":
            if not _SPREAD.match(code, at):
                self.say(" x=", at)
            self.frames.append(_Frame("code"))
            return self.keep(at, at + 1)
        named = _ATTRIBUTE.match(code, at)
        if named is None:
            # A `<`: the tag before it has no end.
            self.frames.pop()
            return at
        return self._attribute(at, named.end())

    def _attribute(self, at: int, end: int) -> int:
        code, name = self.code, self.code[at:end]
        # Without a blank between, two names would be one.
        self.say(" ", at)
        if name == "class:list":
            self.say("class", at)
        elif _PROP.fullmatch(name) or _NO_NUMBER.match(name):
            self.keep(at, end)
        else:
            self.say("x", at)
        if name == "is:raw":
            self.frames[-1].raw = True
        equals = _EQUALS.match(code, end) if name != "=" else None
        if equals is None or equals.end() == len(code):
            return end if equals is None else self.keep(end, equals.end())
        return self._value(name, end, equals.end())

    def _value(self, name: str, equals: int, at: int) -> int:
        code, character = self.code, self.code[at]
        if character in "\"'":
            end = code.find(character, at + 1)
            end = len(code) if end < 0 else end + 1
            self._note(name, code[at + 1 : end - 1])
            return self.keep(equals, end)
        if character == "{":
            keyed = name == "class:list"
            self.keep(equals, at + 1)
            self.say("clsx(" if keyed else "", at + 1)
            self.frames.append(_Frame("code", after=")" if keyed else ""))
            if name == "type":
                self._note(name, "{")
            return at + 1
        if character == "`":
            self.keep(equals, at)
            self.say("{", at)
            self.frames.append(_Frame("template", after="}"))
            return self.keep(at, at + 1)
        unquoted = _UNQUOTED.match(code, at)
        end = unquoted.end() if unquoted else at
        self._note(name, code[at:end])
        self.keep(equals, at)
        self.say('"', at)
        self.say(code[at:end].replace('"', "'"), at)
        self.say('"', end)
        return end

    def _note(self, name: str, value: str) -> None:
        if name == "type":
            self.frames[-1 if value != "{" else -2].type = value
        elif name == "style":
            self._inline.append(html.unescape(value))

    def _end_of_tag(self, at: int) -> int:
        tag = self.frames.pop()
        if tag.name in _VOID:
            self.say("/", at)
            return self.keep(at, at + 1)
        self.frames[-1].open.append((tag.name, tag.at))
        end = self.keep(at, at + 1)
        if tag.name not in _RAW and not tag.raw:
            return end
        close = re.compile(rf"</{re.escape(tag.name)}\s*>").search(self.code, end)
        if close is None:
            return self._blank(end, len(self.code))
        if tag.name == "style":
            self._sheets.append(self.code[end : close.start()])
        elif tag.name == "script" and _SCRIPT_TYPE.fullmatch(tag.type.lower()):
            self._scripts.append((end, close.start()))
        return self._blank(end, close.start())
