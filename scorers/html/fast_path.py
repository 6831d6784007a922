"""A short proof that HTML is valid, for the pages that most authors write.

Where every end tag closes the element opened last, and no element stands where the rules of HTML would end another one
by themselves, move it or drop its tag, those rules change nothing: what is written down is what browsers read. Whoever
needs a rule (an end tag left out, `noscript`, MathML, HTML inside SVG) is not ordinary, valid or not.
"""

from __future__ import annotations

from scorers.html.elements import (
    BLOCKS,
    BREAKOUT,
    CELLS,
    HEAD_VOID,
    HEADINGS,
    RAW_TEXT,
    ROW_GROUPS,
    SVG_INTEGRATION,
    TABLE_PARTS,
    VOID,
)

# Bounds the searches of the stack, so that the proof takes linear time.
_MAX_DEPTH = 100
_SPACE = "\t\n\f\r "
# The bottom of the stack: before the first tag, and around a page with `html`.
_START, _PAGE = "#start", "#page"
# Elements that need rules of their own.
_SPECIAL = (RAW_TEXT - {"script", "style", "textarea", "title", "iframe"}) | {
    *("applet", "frame", "frameset", "image", "marquee", "math", "rb", "rp", "rt", "rtc")
}
# What alone may stand in an element.
_CHILDREN: dict[str, frozenset[str]] = {
    _PAGE: frozenset(),
    "html": frozenset(("head", "body")),
    "head": HEAD_VOID | {"title", "style", "script"},
    "table": (TABLE_PARTS - CELLS) - {"col"},
    "colgroup": frozenset(("col",)),
    **dict.fromkeys(ROW_GROUPS, frozenset(("tr",))),
    "tr": CELLS,
    "select": frozenset(("option", "optgroup")),
    "optgroup": frozenset(("option",)),
    "option": frozenset(),
}
# Where text would begin the body or be moved.
_WITHOUT_TEXT = (_CHILDREN.keys() | {_START}) - {"select", "optgroup", "option"}
# What alone an element may stand in.
_PARENTS: dict[str, frozenset[str]] = {
    "html": frozenset((_START,)),
    **dict.fromkeys(("head", "body"), frozenset(("html",))),
    "li": frozenset(("ul", "ol", "menu")),
    **dict.fromkeys(("dt", "dd"), frozenset(("dl",))),
    **dict.fromkeys(("caption", "colgroup", *ROW_GROUPS), frozenset(("table",))),
    "col": frozenset(("colgroup",)),
    "tr": ROW_GROUPS | {"table"},
    **dict.fromkeys(CELLS, frozenset(("tr",))),
    "option": frozenset(("select", "optgroup", "datalist")),
    "optgroup": frozenset(("select",)),
}
_ENDS_P = BLOCKS | HEADINGS | {"p", "form", "li", "dd", "dt", "table", "hr"}
_NOT_IN_ITSELF = frozenset(("a", "button", "form", "nobr"))
# What rules end, move or drop nothing but an open paragraph for; most elements of a page.
_BLOCKS_ALONE = _ENDS_P - HEADINGS - _PARENTS.keys() - _NOT_IN_ITSELF - _SPECIAL
_NOT_IN_SVG = BREAKOUT | RAW_TEXT | SVG_INTEGRATION | {"font", "html", "math"}


def is_ordinary(code: str) -> bool:
    """True only where the tags of HTML pair up as written and none of them is forgiven anything.

    What stands within tags and what the end of the text cuts off is for the tokenizer to say. Linear; never raises.

    >>> is_ordinary("<ul><li>one</li></ul>"), is_ordinary("<ul><li>one</ul>"), is_ordinary("<p><div></div></p>")
    (True, False, False)
    """
    from turbohtml import TokenType, tokenize

    text, start, end = TokenType.TEXT, TokenType.START_TAG, TokenType.END_TAG
    stack, top = [_START], _START
    skeleton: set[str] = set()
    svg = 0  # the place of the outermost open `svg` on the stack
    for token in tokenize(code, capture_attributes=False):
        kind = token.type
        if kind is text:
            if top in _WITHOUT_TEXT and (token.data or "").strip(_SPACE):
                return False
        elif kind is end:
            if token.tag != top:
                return False
            stack.pop()
            top = stack[-1]
            if len(stack) == svg:
                svg = 0
        elif kind is start:
            name, closed = token.tag or "", token.self_closing
            if svg:
                fits = name not in _NOT_IN_SVG
            elif name in _BLOCKS_ALONE and top not in _CHILDREN:
                fits = "p" not in stack
            else:
                fits = _fits(name, top, stack, skeleton)
            if not fits:
                return False
            if top is _START:
                stack[0] = top = _PAGE if name == "html" else ""
            if svg or name == "svg":
                if closed:
                    continue
                svg = svg or len(stack)
            elif name in VOID:
                continue
            elif closed:
                return False
            stack.append(name)
            top = name
            if len(stack) > _MAX_DEPTH:
                return False
        elif svg:
            return False  # A comment may be a CDATA section.
    return len(stack) == 1


def _fits(name: str, top: str, stack: list[str], skeleton: set[str]) -> bool:
    """Whether no rule stands against opening an element of HTML here; each of `skeleton` comes once and in order."""
    if name in _SPECIAL or (top in _CHILDREN and name not in _CHILDREN[top]):
        return False
    if name in _PARENTS:
        if top not in _PARENTS[name] or name in skeleton:
            return False
        if top == "html":
            skeleton |= {"head", name}
    if name in _ENDS_P and ("p" in stack or (name in HEADINGS and top in HEADINGS)):
        return False
    return not (name in _NOT_IN_ITSELF and name in stack)
