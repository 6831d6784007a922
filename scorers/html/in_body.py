"""How HTML reads tags in the body ("in body") and inside SVG and MathML ("foreign content").

The rules are those of https://html.spec.whatwg.org/multipage/parsing.html, "tree construction".
"""

from __future__ import annotations

from scorers.html.elements import (
    BLOCKS,
    BREAKOUT,
    BREAKOUT_FONT_ATTRIBUTES,
    BUTTON_SCOPE,
    FORMATTING,
    HEAD_CONTENT,
    HEAD_VOID,
    HEADING,
    HEADINGS,
    HTML,
    LIST_SCOPE,
    MARKED,
    MARKER,
    MATH_TEXT,
    SCOPE,
    SPECIAL,
    STOPPER,
    SVG_INTEGRATION,
    TABLE_PARTS,
    VOID,
)
from scorers.html.open_elements import Element, Tag
from scorers.html.state import Mode, TagRule, TreeState

_SCOPED_END = (BLOCKS | MARKED | {"button", "dd", "dt", "li", "select"}) - {"form"}


def start_in_body(state: TreeState, tag: Tag) -> None:
    """A start tag in the body."""
    rule = _START.get(tag.name)
    if rule is not None:
        rule(state, tag)
    elif tag.name not in VOID and tag.name != "image":  # which browsers read as `img`
        state.push(tag)


def end_in_body(state: TreeState, tag: Tag) -> None:
    """An end tag in the body."""
    name = tag.name
    if name == "p":
        _end_p(state, tag)
    elif name in VOID:
        state.void_end(tag)
    elif name in FORMATTING:
        _end_formatting(state, tag)
    elif name in HEADINGS:
        _end_heading(state, tag)
    elif name == "form" and state.open.last("template") < 0:
        _end_form(state, tag)
    elif name in _SCOPED_END or name == "form":
        _end_scoped(state, tag)
    else:
        _end_other(state, tag)


def head_content(state: TreeState, tag: Tag) -> None:
    """What may stand in the head, read the same everywhere."""
    if tag.name in HEAD_VOID:
        return
    state.push(tag)
    if tag.name == "template":
        state.templates.append(Mode.IN_TEMPLATE)
        state.mode = Mode.IN_TEMPLATE


def stays_foreign(state: TreeState, tag: Tag) -> bool:
    """True where a start tag is one of SVG or MathML."""
    top = state.open.top
    if top is None or top.html_inside or (top.key == "math annotation-xml" and tag.name == "svg"):
        return False
    return top.key not in MATH_TEXT or tag.name in ("mglyph", "malignmark")


def start_foreign(state: TreeState, tag: Tag) -> None:
    """A start tag inside SVG or MathML."""
    breaks_out = tag.name in BREAKOUT or (
        tag.name == "font" and any(name in BREAKOUT_FONT_ATTRIBUTES for name, _ in tag.attributes)
    )
    if breaks_out:
        root = state.open[state.open.last(HTML) + 1]
        state.issue("foreign-breakout", tag.at, f"{tag.written} cannot stand inside the {root.place}")
    top = state.open.top
    if top is not None and not tag.closed and not (breaks_out and tag.name in VOID):
        state.open.push(Element(tag.name, tag.at, top.space, _integrates(top.space, tag)))


def end_foreign(state: TreeState, tag: Tag) -> bool:
    """An end tag inside SVG or MathML; false where it is one for the HTML around."""
    top = state.open.top
    index = state.open.last(f"{top.space} {tag.name}") if top is not None else -1
    if index > state.open.last(HTML):
        state.close(index, tag)
    elif tag.name == "p" and not state.open.in_scope("p", BUTTON_SCOPE):
        state.stray(tag)
    else:
        return False
    return True


def _integrates(space: str, tag: Tag) -> bool:
    """True for elements of SVG and MathML that hold HTML."""
    if space == "svg":
        return tag.name in SVG_INTEGRATION
    encoding = dict(tag.attributes).get("encoding") or ""
    return tag.name == "annotation-xml" and encoding.lower() in ("text/html", "application/xhtml+xml")


def _block(state: TreeState, tag: Tag) -> None:
    state.close_p(tag)
    state.push(tag)


def _start_heading(state: TreeState, tag: Tag) -> None:
    state.close_p(tag)
    top = state.open.top
    if top is not None and top.key in HEADINGS:
        state.nested(tag, len(state.open) - 1)
    state.push(tag)


def _start_form(state: TreeState, tag: Tag) -> None:
    templated = state.open.last("template") >= 0
    if state.form is not None and not templated:
        state.issue("nested", tag.at, f"{tag.written} opens inside the {state.form.place}")
        state.lose("form")
        return
    state.close_p(tag)
    if state.push(tag) and not templated:
        state.form = state.open.top


def _start_list_item(state: TreeState, tag: Tag) -> None:
    index = state.open.last(STOPPER)
    if index >= 0 and state.open[index].key in (("li",) if tag.name == "li" else ("dd", "dt")):
        state.imply_ends(keep=state.open[index].key)
        state.close(index, tag)
    state.close_p(tag)
    state.push(tag)


def _start_exclusive(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope(tag.name, SCOPE):
        state.nested(tag, state.open.last(tag.name))
    state.push(tag)


def _start_a(state: TreeState, tag: Tag) -> None:
    index = state.open.last("a")
    if index > state.open.last(MARKER):
        state.nested(tag, index)
    state.push(tag)


def _start_table(state: TreeState, tag: Tag) -> None:
    _block(state, tag)
    state.mode = Mode.IN_TABLE


def _start_select(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope("select", SCOPE):
        # HTML reads it as the end tag that was forgotten, and drops it.
        state.nested(tag, state.open.last("select"))
        state.lose("select")
    else:
        state.push(tag)


def _start_input(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope("select", SCOPE):
        state.nested(tag, state.open.last("select"))


def _start_option(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope("select", SCOPE):
        state.imply_ends(keep="optgroup" if tag.name == "option" else "")
    elif state.open.top is not None and state.open.top.key == "option":
        state.open.pop()
    state.push(tag)


def _start_hr(state: TreeState, tag: Tag) -> None:
    state.close_p(tag)
    if state.open.in_scope("select", SCOPE):
        state.imply_ends()


def _start_ruby_text(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope("ruby", SCOPE):
        state.imply_ends(keep="" if tag.name in ("rb", "rtc") else "rtc")
    state.push(tag)


def _start_foreign_root(state: TreeState, tag: Tag) -> None:
    if not tag.closed:
        state.open.push(Element(tag.name, tag.at, space=tag.name, html_inside=False))


def _end_p(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope("p", BUTTON_SCOPE):
        state.close_p(tag)
    else:
        state.soft += 1


def _end_scoped(state: TreeState, tag: Tag) -> None:
    if state.open.in_scope(tag.name, LIST_SCOPE if tag.name == "li" else SCOPE):
        state.imply_ends(keep=tag.name)
        state.close(state.open.last(tag.name), tag)
    else:
        state.mismatch(tag)


def _end_heading(state: TreeState, tag: Tag) -> None:
    index = state.open.last(HEADING)
    if index < 0 or index < state.open.last(SCOPE):
        state.mismatch(tag)
        return
    state.imply_ends()
    if state.open[index].key != tag.name:
        state.issue("misnested", tag.at, f"{tag.written} closes the {state.open[index].place}")
    state.close(index, tag)


def _end_form(state: TreeState, tag: Tag) -> None:
    form, state.form = state.form, None
    if form is None or not state.open.in_scope("form", SCOPE):
        state.mismatch(tag)
    else:
        state.imply_ends()
        state.close(state.open.last("form"), tag)


def _end_formatting(state: TreeState, tag: Tag) -> None:
    index = state.open.last(tag.name)
    if index <= state.open.last(MARKER):
        _end_other(state, tag)
    elif index < state.open.last(SCOPE):
        state.mismatch(tag)
    else:
        state.close(index, tag)


def _end_other(state: TreeState, tag: Tag) -> None:
    index = state.open.last(tag.name)
    if index >= max(0, state.open.last(SPECIAL)):
        state.imply_ends(keep=tag.name)
        state.close(index, tag)
    else:
        state.mismatch(tag)


_START: dict[str, TagRule] = {
    **dict.fromkeys(HEAD_CONTENT, head_content),
    **dict.fromkeys(BLOCKS | {"p", "plaintext", "xmp"}, _block),
    **dict.fromkeys(HEADINGS, _start_heading),
    **dict.fromkeys(("li", "dd", "dt"), _start_list_item),
    **dict.fromkeys(("button", "nobr"), _start_exclusive),
    **dict.fromkeys(("option", "optgroup"), _start_option),
    **dict.fromkeys(("rb", "rtc", "rp", "rt"), _start_ruby_text),
    **dict.fromkeys(("svg", "math"), _start_foreign_root),
    **dict.fromkeys(TABLE_PARTS, TreeState.stray_start),
    **dict.fromkeys(("head", "body"), TreeState.duplicate),
    "form": _start_form,
    "a": _start_a,
    "table": _start_table,
    "select": _start_select,
    "input": _start_input,
    "hr": _start_hr,
}
