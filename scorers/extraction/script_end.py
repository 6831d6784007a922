"""Where a script ends: brackets, strings, templates, comments and JSX are followed, everything else is skipped.

A module ends where all of them are closed and the next line is no statement but talk. This is no parser: it only has to
know what a bracket or a quote belongs to. Linear: every character is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SCRIPT = re.compile(
    r"""(?P<skip>[ \t\r\f\v\u00a0\ufeff\u200b]+|//[^\n]*)|(?P<line>\n)|(?P<comment>/\*)|(?P<word>[\w$]+)
    |(?P<string>"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?)|(?P<opens>[({\[])|(?P<closes>[)}\]])|(?P<tick>`)
    |(?P<less><)|(?P<slash>/)|(?P<other>=>|\+\+|--|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_TEMPLATE = re.compile(r"[^`\\$]++|\\.|\$\{|[`$\\]", re.DOTALL)
_IN_TAG = re.compile(r"""[^"'{}<>/`]++|"[^"]*+"?|'[^']*+'?|/>|.""", re.DOTALL)
_CHILDREN = re.compile(r"[^<{]++|</[\w$.:-]*\s*>|<>|<(?=[A-Za-z_$])|.", re.DOTALL)
_REGEX = re.compile(r"/(?![*/])(?:[^\\/\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,300}+\]){1,1000}+/[a-z]{0,8}")
_TAG_START = re.compile(r"<(?:>|[A-Za-z_$][\w$.:-]*)")
_GENERIC = re.compile(r"<[\w$]+\s*(?:,|extends\b)|<[A-Z]\w*>\s*\(")
# After these words an expression begins, so that `<` opens a tag and `/` a regular expression.
_BEFORE_EXPRESSION = frozenset(
    [
        "return",
        "case",
        "typeof",
        "default",
        "else",
        "do",
        "in",
        "of",
        "await",
        "yield",
        "new",
        "delete",
        "void",
        "throw",
    ]
)

_TALK_MARK = re.compile(
    r"[ \t]*(?:#{1,6}[ \t]|[-*+•–][ \t]+[^\W\d]|[-*+•–][ \t]+[*`_]|\d+[.)][ \t]|>[ \t]+(?![=({;,|&)])"
    r"|\*\*|__\w|-{3,}[ \t]*$"
    r"|\((?:Note|NB|This|These|The|You|It|I|See|Remember|Make)\b[:,. ]|:{3,}|<{2,}[ \t]*/?[A-Z]"
    r"|={3,}|'{3}|\"{3}|\[/?[A-Z]{3,}|`{3}|~{3}|\|[^\n]*\|[ \t]*$|[^\x00-\x7f])",
    re.MULTILINE,
)
_STATEMENT = re.compile(
    r"""[ \t]*+(?:$|//|/\*|\*[ \t/]|\*$|["'`(\[{<>@;.?:&|+)\]},=]
    |import[ \t]*(?:["'{*(]|type\b|[\w$]+[ \t]*(?:,|[ \t]from\b|=))
    |export\b[ \t]*(?:[{*=]|(?:default|const|let|var|function|class|async|type|interface|enum|abstract|declare)\b
        |namespace\b|import\b)
    |(?:const|let|var)\b[ \t]*(?:[\w$]+[ \t]*(?:[:=;,!]|$)|[{\[]|enum\b)
    |(?:async[ \t]+)?function\b[ \t]*+(?:\*[ \t]*+)?[\w$]*+[ \t]*+[(<]
    |(?:abstract[ \t]+)?class[ \t]+[\w$]+[ \t]*(?:[{<]|extends\b|implements\b)|(?:const[ \t]+)?enum[ \t]+\w+[ \t]*\{
    |type[ \t]+[\w$]+[ \t]*[=<]|interface[ \t]+[\w$]+[ \t]*(?:[{<]|extends\b)|(?:namespace|module)[ \t]+[\w.'"]+[ \t]*\{
    |declare[ \t]+(?:global|module|const|let|var|function|class|namespace|type|interface)\b
    |(?:if|for|while|switch|catch|with)[ \t]*\(|for[ \t]+await\b|(?:do|try|finally|else)[ \t]*(?:\{|if\b|$)
    |(?:return|throw|await|void|typeof|delete|new|yield)\b[ \t]*(?:[^\w \t]|[\w$]+[ \t]*[.(\[;]|[\w$]+[ \t]*$)
    |[A-Za-z_$][\w$]*+:[ \t]*(?:for|while|do)\b
    |(?:break|continue|debugger)[ \t]*(?:;|$)|(?:case\b[^\n]*|default[ \t]*):
    |[A-Za-z_$][\w$]*+(?:(?:\??\.|\[)[\w$#"'`\[(]|\(|<[\w$]|`
        |[ \t]*(?:(?:[-+*/%&|^?]|\*\*|<<|>>|&&|\|\||\?\?)?=[^\n]|=>|;|\+\+|--|&&|\|\||\?[ \t.])|!\.))""",
    re.VERBOSE | re.MULTILINE,
)


# The last line of a text that was cut in a statement's first words.
_KEYWORDS = ("import", "export", "const", "function", "async", "class", "interface", "return", "declare", "abstract")
_BEGUN = re.compile(rf"[ \t]*(?:{'|'.join(_KEYWORDS)}|let|var|type|enum)\b(?:[ \t]++[\w$]++){{0,2}}[ \t]*")


@dataclass(frozen=True, slots=True)
class End:
    """Where a script stops, whether all of it was closed there, and whether something else follows."""

    stop: int
    closed: bool
    followed: bool


def is_statement(text: str, start: int) -> bool:
    """Whether the line at `start` can begin a statement or go on with one; else it is talk.

    >>> is_statement("const a = 1", 0), is_statement("That is all. Enjoy!", 0), is_statement("- a list", 0)
    (True, False, False)
    """
    return not _TALK_MARK.match(text, start) and _STATEMENT.match(text, start) is not None


def script_end(text: str, start: int, end: int) -> End:
    """The end of the module that begins at `start`.

    >>> script_end("const a = () => <p>it's</p>;\\nEnjoy it!", 0, 37)
    End(stop=28, closed=True, followed=True)
    """
    walk = _Walk(text, start, end)
    for _ in walk.templates():
        pass
    return End(walk.stop, not walk.stack, walk.followed)


def template_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The template literals of a script, the outermost ones, in order; one that never ends is not among them."""
    return _Walk(text, start, end, ends=False).templates()


class _Walk:
    """One pass over a script. `stack` holds what is open: brackets, a template, `<` a tag, `>` an element."""

    def __init__(self, text: str, start: int, end: int, ends: bool = True) -> None:
        self.text, self.position, self.end, self.ends = text, start, end, ends
        self.stack: list[str] = []
        self.stop = start
        self.followed = False
        self._value = False
        self._templates = 0

    def templates(self) -> Iterator[tuple[int, int]]:
        """Walks to the end; yields each template literal that is not in another."""
        opened = 0
        while self.position < self.end and not self.followed:
            before, at = self._templates, self.position
            self._step()
            if before == 0 and self._templates:
                opened = at
            elif before and not self._templates:
                yield opened, self.position
        if self.stack:
            self.stop = self.position

    def _step(self) -> None:
        top = self.stack[-1] if self.stack else ""
        if top == "`":
            self._template()
        elif top == "<":
            self._tag()
        elif top == ">":
            self._children()
        else:
            self._script()

    def _took(self, end: int, value: bool) -> None:
        self.position = self.stop = end
        self._value = value

    def _script(self) -> None:
        match = _SCRIPT.match(self.text, self.position, self.end)
        if match is None:
            self.position += 1
            return
        kind = match.lastgroup
        if kind == "skip":
            self.position = match.end()
            if match[0][0] == "/":
                self.stop = match.end()
        elif kind == "line":
            self.position = match.end()
            self.followed = self.ends and self._talk_follows()
        elif kind == "comment":
            closed = self.text.find("*/", match.end(), self.end)
            self.position = self.stop = self.end if closed < 0 else closed + 2
        else:
            self._token(kind or "", match)

    def _token(self, kind: str, match: re.Match[str]) -> None:
        if kind == "opens":
            self.stack.append(match[0])
            self._took(match.end(), value=False)
        elif kind == "closes":
            if self.stack:
                self.stack.pop()
            self._took(match.end(), value=True)
        elif kind == "tick":
            self.stack.append("`")
            self._templates += 1
            self._took(match.end(), value=False)
        elif kind == "less":
            self._less()
        elif kind == "slash":
            found = None if self._value else _REGEX.match(self.text, self.position, self.end)
            self._took(found.end() if found else match.end(), value=found is not None)
        else:
            value = kind == "string" or (kind == "word" and match[0] not in _BEFORE_EXPRESSION)
            self._took(match.end(), value or match[0] in ("++", "--"))

    def _less(self) -> None:
        behind_block = self.text[self.stop - 1 : self.stop] == "}" and "\n" in self.text[self.stop : self.position]
        opened = _TAG_START.match(self.text, self.position, self.end)
        if (self._value and not behind_block) or not opened or _GENERIC.match(self.text, self.position, self.end):
            self._took(self.position + 1, value=False)
            return
        self.stack.append(">" if opened[0] == "<>" else "<")
        self._took(opened.end(), value=False)

    def _template(self) -> None:
        match = _TEMPLATE.match(self.text, self.position, self.end)
        token = match[0] if match else ""
        self._took(match.end() if match else self.end, value=token == "`")
        if token == "`":
            self.stack.pop()
            self._templates -= 1
        elif token == "${":
            self.stack.append("{")

    def _tag(self) -> None:
        match = _IN_TAG.match(self.text, self.position, self.end)
        token = match[0] if match else ""
        self._took(match.end() if match else self.end, value=False)
        if token == "{":
            self.stack.append("{")
        elif token == "/>":
            self.stack.pop()
            self._value = True
        elif token == ">":
            self.stack[-1] = ">"

    def _children(self) -> None:
        match = _CHILDREN.match(self.text, self.position, self.end)
        token = match[0] if match else ""
        self._took(match.end() if match else self.end, value=False)
        if token == "{":
            self.stack.append("{")
        elif token == "<>":
            self.stack.append(">")
        elif token == "<":
            self.stack.append("<")
        elif token.startswith("</"):
            self.stack.pop()
            self._value = True

    def _talk_follows(self) -> bool:
        """Whether the line that begins here is no code: a fence between brackets, or talk where all is closed."""
        if self.text.startswith(("```", "~~~"), self.position):
            return True
        if self.stack or is_statement(self.text, self.position) or not self._ended():
            return False
        return not _BEGUN.fullmatch(self.text, self.position, self.end) and not self._keyword_begun()

    def _keyword_begun(self) -> bool:
        """Whether the text ends in the first letters of a word that begins a statement."""
        rest = self.text[self.position : min(self.end, self.position + 12)].strip(" \t")
        return rest.isalpha() and len(rest) < 10 and any(word.startswith(rest) for word in _KEYWORDS)

    def _ended(self) -> bool:
        """Whether what stands before can be the end of a statement: an operator wants more."""
        return self.text[self.stop - 1 : self.stop] not in ("=", "&", "|", ",", "?", "(", "+", "<", ":", ".")
