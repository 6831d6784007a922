"""Where markup ends: a document with its last tag, a fragment where every element is closed and talk follows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scorers.extraction.script_end import End
from scorers.html.elements import OPTIONAL_END, VOID

_DOCUMENT_PARTS = re.compile(
    r"<!--|-->|<(/?)(script|style|textarea|xmp)\b|</html\s*>|(?P<next><!doctype\s+html\b|<html[\s>])", re.IGNORECASE
)
_LITERALS = re.compile(r"<!--|<(textarea|pre|script|style|xmp|listing|code|template)\b", re.IGNORECASE)
_TAGS = re.compile(r"<!--|<(/?)([A-Za-z][\w.:-]*)([^<>]*)>")
_RAW = ("script", "style", "textarea", "title", "xmp")
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_COMMENT = re.compile(r"\s*<!--")
# A line of a fragment that is no tag and no talk: a template language's or an entity.
_NO_TALK = re.compile(r"\s*(?:[<{&@%}\])]|$)")
# Deeper than pages nest; a stray end tag looks no further.
_DEEPEST = 200


def document_end(text: str, start: int, end: int) -> int:
    """Behind the `</html>` that ends the document begun at `start`, and the comments after it; -1 if there is none.

    Ends that stand in scripts, styles, comments and text areas are none; of several, the last before a next document.
    """
    inside, found, begun = "", -1, False
    for match in _DOCUMENT_PARTS.finditer(text, start, end):
        token, name = match[0], (match[2] or "").lower()
        if inside:
            if (inside == "<!--" and token == "-->") or (match[1] and inside == name):
                inside = ""
        elif token == "<!--" or (name and not match[1]):
            inside = token if token == "<!--" else name
        elif match["next"]:
            if found >= 0 or (begun and match["next"][1] == "!"):
                break
            begun = True
        elif token.startswith("</"):
            if name or (found >= 0 and not _goes_on(text, found, match.start())):
                continue
            found = match.end()
    return found if found < 0 else _after_comments(text, found, end)


def _goes_on(text: str, first: int, second: int) -> bool:
    """Whether between two `</html>` stands markup, so that the second is the page's and no talk about it."""
    between = text[first : min(second, first + 2_000)]
    return "<" in _INLINE_CODE.sub("", between) and "`" not in text[max(first, second - 1) : second]


def _after_comments(text: str, stop: int, end: int) -> int:
    while (opened := _COMMENT.match(text, stop, end)) and (closed := text.find("-->", opened.end(), end)) >= 0:
        stop = closed + 3
    return stop


def before_comments(text: str, start: int, least: int) -> int:
    """Where the comments begin that stand directly before a document."""
    while (bare := text[max(least, start - 200) : start].rstrip()).endswith("-->"):
        stop = max(least, start - 200) + len(bare)
        opened = text.rfind("<!--", max(least, start - 20_000), start)
        if opened < 0 or text.find("-->", opened, stop) != stop - 3:
            break
        start = opened
    return start


def literal_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The elements whose text may look like anything, and comments, in order; one that never ends is not among them."""
    unclosed: set[str] = set()
    while match := _LITERALS.search(text, start, end):
        start = match.end()
        name = (match[1] or "").lower()
        if name in unclosed:
            continue
        closer = re.compile(rf"</{name}\s*>", re.IGNORECASE) if name else re.compile("-->")
        closed = closer.search(text, start, end)
        if closed is None:
            unclosed.add(name)
        else:
            yield match.start(), closed.end()
            start = closed.end()


def fragment_end(text: str, start: int, end: int) -> End:
    """The end of the fragment that begins at `start`: where all elements are closed and the next line is talk.

    Without such a place, the text's end if the text stops in an element, else behind the last tag.
    """
    last, position = start, start
    stack: list[str] = []
    paragraph = False
    while match := _TAGS.search(text, position, end):
        if not stack and last > start and _talk(text, last, match.start(), paragraph):
            return End(last, True, True)
        if match[0] == "<!--":
            closed = text.find("-->", match.end(), end)
            position = end if closed < 0 else closed + 3
            if closed < 0:
                return End(end, False, False)
            last = position
            continue
        name = match[2].lower()
        position = match.end()
        if name in _RAW and not match[1] and not match[3].endswith("/"):
            position = _behind(text, name, position, end)
            if position < 0:
                return End(end, False, False)
        elif name in ("p", "li", "dd", "dt"):
            paragraph = not match[1]
        elif name not in VOID and name not in OPTIONAL_END and not match[3].endswith("/"):
            _nest(stack, name, match[1] == "/")
            paragraph = paragraph and bool(stack)
        last = position
    return _last_end(text, last, end, bool(stack) or paragraph)


def _behind(text: str, name: str, position: int, end: int) -> int:
    closed = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(text, position, end)
    return closed.end() if closed else -1


def _nest(stack: list[str], name: str, closing: bool) -> None:
    if not closing:
        stack.append(name)
    elif stack and stack[-1] == name:
        stack.pop()
    elif name in stack[-_DEEPEST:]:
        while stack.pop() != name:
            pass


def _talk(text: str, last: int, next_tag: int, paragraph: bool) -> bool:
    """Whether talk begins between the end of one element and the next tag, in a line of its own."""
    between = text[last : min(next_tag, last + 2_000)]
    blank, line, rest = between.partition("\n\n" if paragraph else "\n")
    return bool(line) and not blank.strip() and not _NO_TALK.match(rest.lstrip())


def _last_end(text: str, last: int, end: int, nested: bool) -> End:
    rest = text[last:end]
    talk = _INLINE_CODE.sub("", rest)
    if "<" in talk or (nested and "\n\n" not in rest.strip("\n") and not _paragraph(rest)):
        return End(end, False, False)
    return End(last, not nested, bool(talk.strip()))


def _paragraph(rest: str) -> bool:
    """Whether talk follows after a blank line."""
    return rest.startswith("\n\n") and bool(rest.strip())


def open_document_end(text: str, start: int, end: int) -> End:
    """The end of a document without `</html>`: the text's, unless it has no `<html>` and talk follows."""
    named = re.compile(r"<html[\s>]", re.IGNORECASE).search(text, start, end)
    if not named and (found := fragment_end(text, start, end)).closed and found.followed:
        return found
    stop = last_tag_end(text, start, end)
    talk = _INLINE_CODE.sub("", text[stop:end])
    if "\n\n" in talk and talk.strip() and "<" not in talk and not named:
        return End(stop, True, True)
    return End(end, False, False)


def last_tag_end(text: str, start: int, end: int) -> int:
    """Behind the last `>` of the code: talk names tags, too, but in back quotes. `start` where there is none."""
    while end > start:
        line = max(start, text.rfind("\n", start, end) + 1)
        masked = _INLINE_CODE.sub(lambda match: " " * len(match[0]), text[line:end])
        if (last := masked.rfind(">")) >= 0:
            return line + last + 1
        end = line - 1
    return start
