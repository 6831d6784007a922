"""How HTML reads tags and text by insertion mode: before and in the head, in tables and templates, after the body.

The rules are those of https://html.spec.whatwg.org/multipage/parsing.html, "tree construction", in a document with a
doctype and without scripts, kept to the question what is open. `start`, `end`, `text` and `finish` take a text's
tags in order.

One file for all modes but "in body", in the standard's order: its rules hand tags on to one another's modes ("reprocess
the token"), so that a part of them could neither be read nor imported without the others.
"""

from __future__ import annotations

from scorers.html.elements import (
    BODY_CONTEXT,
    CELLS,
    HEAD_CONTENT,
    NOSCRIPT_HEAD_CONTENT,
    OPTIONAL_END,
    ROW_CONTEXT,
    ROW_GROUPS,
    TABLE_HEAD_CONTENT,
    TABLE_PARTS,
    TABLE_SCOPE,
    VOID,
)
from scorers.html.in_body import end_foreign, end_in_body, head_content, start_foreign, start_in_body, stays_foreign
from scorers.html.open_elements import LineColumn, Tag
from scorers.html.state import MODE_OF, Mode, TagRule, TreeState

_SPACE = "\t\n\f\r "
_BEFORE_BODY = frozenset((Mode.BEFORE_HEAD, Mode.IN_HEAD, Mode.IN_HEAD_NOSCRIPT, Mode.AFTER_HEAD))
# Where text matters.
TEXT_MODES = _BEFORE_BODY | {
    Mode.IN_TABLE,
    Mode.IN_TABLE_BODY,
    Mode.IN_ROW,
    Mode.IN_COLUMN_GROUP,
    Mode.AFTER_BODY,
}
_ENDS_OF_TABLES = TABLE_PARTS | {"table"}
_TEMPLATE_MODES = {
    **dict.fromkeys(("caption", "colgroup", *ROW_GROUPS), Mode.IN_TABLE),
    "col": Mode.IN_COLUMN_GROUP,
    "tr": Mode.IN_TABLE_BODY,
    **dict.fromkeys(CELLS, Mode.IN_ROW),
}


def start(state: TreeState, tag: Tag) -> None:
    """A start tag."""
    if state.foreign and stays_foreign(state, tag):
        start_foreign(state, tag)
    elif tag.name == "html" and state.mode is not Mode.BEFORE_HEAD:
        state.duplicate(tag)
    else:
        _START[state.mode](state, tag)


def end(state: TreeState, tag: Tag) -> None:
    """An end tag."""
    if state.raw:
        state.raw = False
        state.open.pop()
    elif tag.name in ("html", "body"):
        _end_page(state, tag)
    elif not (state.foreign and end_foreign(state, tag)):
        _end(state, tag)


def text(state: TreeState, words: str, at: LineColumn) -> None:
    """Text in one of `TEXT_MODES`: it ends the head, and is moved out of a table."""
    if state.raw or state.foreign or not words.strip(_SPACE):
        return
    if state.mode is Mode.IN_HEAD_NOSCRIPT:
        _not_in_head_noscript(state, "text", at)
        return
    if state.mode in _BEFORE_BODY:
        state.enter_body(at)
        return
    state.soft += 1
    if state.mode is Mode.AFTER_BODY:
        state.reset_mode()
    elif state.mode is Mode.IN_COLUMN_GROUP:
        _leave_column_group(state)


def finish(state: TreeState) -> None:
    """The end of the text."""
    state.report_open()


def _end(state: TreeState, tag: Tag) -> None:
    if tag.name == "template" and state.open.last("template") >= 0:
        _end_template(state, tag)
    else:
        _END[state.mode](state, tag)


def _end_page(state: TreeState, tag: Tag) -> None:
    """`</body>` and `</html>` close nothing that is open: browsers only note them."""
    if tag.name in state.ended or "html" in state.ended:
        state.issue("duplicate", tag.at, f"{tag.written} comes when the page has already ended")
        return
    state.ended.add(tag.name)
    if state.mode in _BEFORE_BODY:
        state.enter_body(tag.at)
    state.report_open(tag)
    state.mode = Mode.AFTER_BODY


# Before the body.


def _start_before_head(state: TreeState, tag: Tag) -> None:
    if tag.name == "html" and "html" not in state.began:
        state.began["html"] = tag.at
    elif tag.name == "html":
        state.duplicate(tag)
    elif tag.name in TABLE_PARTS and not state.began:
        # A piece of a table, as scripts fetch them: read like the contents of a template.
        state.base = state.mode = Mode.IN_TEMPLATE
        state.templates.append(Mode.IN_TEMPLATE)
        _start_in_template(state, tag)
    else:
        state.began.setdefault("html", tag.at)
        state.began["head"] = tag.at
        state.base = state.mode = Mode.IN_HEAD
        if tag.name != "head":
            _start_in_head(state, tag)


def _start_in_head(state: TreeState, tag: Tag) -> None:
    if tag.name in HEAD_CONTENT:
        head_content(state, tag)
    elif tag.name == "noscript":
        if state.push(tag):
            state.mode = Mode.IN_HEAD_NOSCRIPT
    elif tag.name == "head":
        state.duplicate(tag)
    else:
        state.base = state.mode = Mode.AFTER_HEAD
        _start_after_head(state, tag)


def _start_in_head_noscript(state: TreeState, tag: Tag) -> None:
    if tag.name in NOSCRIPT_HEAD_CONTENT:
        head_content(state, tag)
    elif tag.name in ("head", "noscript"):
        state.stray_start(tag)
    else:
        _not_in_head_noscript(state, tag.written, tag.at)
        start_in_body(state, tag)


def _start_after_head(state: TreeState, tag: Tag) -> None:
    if tag.name == "body":
        state.enter_body(tag.at)
    elif tag.name in HEAD_CONTENT:
        state.soft += 1
        head_content(state, tag)
    elif tag.name == "head":
        state.duplicate(tag)
    else:
        state.enter_body(tag.at)
        start_in_body(state, tag)


def _end_before_body(state: TreeState, tag: Tag) -> None:
    if tag.name == "head" and state.mode is not Mode.AFTER_HEAD:
        state.began.setdefault("head", tag.at)
        state.base = state.mode = Mode.AFTER_HEAD
    elif tag.name == "br":
        state.void_end(tag)
    else:
        state.stray(tag)


def _end_in_head_noscript(state: TreeState, tag: Tag) -> None:
    if tag.name in ("noscript", "head"):
        state.close(state.open.last("noscript"), tag)
        state.mode = Mode.IN_HEAD
        if tag.name == "head":
            _end_before_body(state, tag)
    else:
        end_in_body(state, tag)


def _not_in_head_noscript(state: TreeState, what: str, at: LineColumn) -> None:
    """Browsers end the head here; the author meant it inside."""
    element = state.open[state.open.last("noscript")]
    state.issue("nested", at, f"{what} cannot stand inside the head's {element.place}")


# Tables.


def _start_in_table(state: TreeState, tag: Tag) -> None:
    name = tag.name
    if name in TABLE_PARTS:
        _start_table_part(state, tag)
    elif name == "table":
        _start_second_table(state, tag)
    elif name in TABLE_HEAD_CONTENT:
        head_content(state, tag)
    elif name in VOID:
        state.soft += 1
        start_in_body(state, tag)
    else:
        _start_moved_out(state, tag)


def _start_moved_out(state: TreeState, tag: Tag) -> None:
    """Foster parenting: browsers put the element before the table."""
    table = state.open.last("table")
    where = f"the {state.open[table].place}" if table >= 0 else "a table"
    state.issue("foster-parented", tag.at, f"{tag.written} cannot stand in {where} outside of its cells")
    if tag.name == "form":
        # Opened and closed at once, so that its end tag closes nothing.
        state.lose("form")
        return
    depth = len(state.open)
    start_in_body(state, tag)
    if len(state.open) > depth and state.open.top is not None:
        state.open.top.reported = True


def _start_table_part(state: TreeState, tag: Tag) -> None:
    state.clear_to(state.open.last(TABLE_SCOPE), tag)
    if tag.name == "tr" or tag.name in CELLS:
        state.imply("tbody", tag)
        state.mode = Mode.IN_TABLE_BODY
        _start_in_table_body(state, tag)
    elif tag.name == "col":
        state.imply("colgroup", tag)
        state.mode = Mode.IN_COLUMN_GROUP
    else:
        state.push(tag)
        state.mode = MODE_OF[tag.name]


def _start_second_table(state: TreeState, tag: Tag) -> None:
    index = state.open.last("table")
    if index < 0 or index < state.open.last(TABLE_SCOPE):
        state.stray_start(tag)
        return
    state.issue("nested", tag.at, f"{tag.written} ends the {state.open[index].place}")
    state.open[index].reported = True
    state.clear_to(index, tag)
    state.lose(state.open.pop().name)
    state.reset_mode()
    _START[state.mode](state, tag)


def _end_in_table(state: TreeState, tag: Tag) -> None:
    if tag.name == "table" and state.open.in_scope("table", TABLE_SCOPE):
        index = state.open.last("table")
        state.clear_to(index, tag)
        state.open.pop()
        state.reset_mode()
    elif tag.name in _ENDS_OF_TABLES or (tag.name == "p" and not state.open.in_scope("p", TABLE_SCOPE)):
        state.stray(tag)
    else:
        end_in_body(state, tag)


def _start_in_caption(state: TreeState, tag: Tag) -> None:
    if tag.name in TABLE_PARTS and _end_part(state, tag, "caption"):
        _START[state.mode](state, tag)
    else:
        start_in_body(state, tag)


def _end_in_caption(state: TreeState, tag: Tag) -> None:
    if tag.name in ("caption", "table") and _end_part(state, tag, "caption"):
        if tag.name == "table":
            _end(state, tag)
    elif tag.name in _ENDS_OF_TABLES:
        state.stray(tag)
    else:
        end_in_body(state, tag)


def _start_in_column_group(state: TreeState, tag: Tag) -> None:
    if tag.name == "template":
        head_content(state, tag)
    elif tag.name == "col":
        return
    elif _leave_column_group(state):
        _START[state.mode](state, tag)
    else:
        state.stray_start(tag)


def _end_in_column_group(state: TreeState, tag: Tag) -> None:
    if tag.name == "col":
        state.void_end(tag)
    elif not _leave_column_group(state):
        state.stray(tag)
    elif tag.name != "colgroup":
        _end(state, tag)


def _leave_column_group(state: TreeState) -> bool:
    top = state.open.top
    if top is None or top.key != "colgroup":
        return False
    state.open.pop()
    state.reset_mode()
    return True


def _start_in_table_body(state: TreeState, tag: Tag) -> None:
    if tag.name == "tr" or tag.name in CELLS:
        state.clear_to(state.open.last(BODY_CONTEXT), tag)
        if tag.name == "tr":
            state.push(tag)
        else:
            state.soft += 1
            state.imply("tr", tag)
        state.mode = Mode.IN_ROW
        if tag.name != "tr":
            _start_in_row(state, tag)
    elif tag.name in TABLE_PARTS:
        _close_and_retry(state, tag, *ROW_GROUPS)
    else:
        _start_in_table(state, tag)


def _end_in_table_body(state: TreeState, tag: Tag) -> None:
    if tag.name in ROW_GROUPS:
        if not _end_part(state, tag, tag.name):
            state.stray(tag)
    elif tag.name == "table" and _end_part(state, tag, *ROW_GROUPS):
        _end(state, tag)
    else:
        _end_in_table(state, tag)


def _start_in_row(state: TreeState, tag: Tag) -> None:
    if tag.name in CELLS:
        state.clear_to(state.open.last(ROW_CONTEXT), tag)
        state.push(tag)
        state.mode = Mode.IN_CELL
    elif tag.name in TABLE_PARTS:
        _close_and_retry(state, tag, "tr")
    else:
        _start_in_table(state, tag)


def _end_in_row(state: TreeState, tag: Tag) -> None:
    outer = tag.name == "table" or (tag.name in ROW_GROUPS and state.open.in_scope(tag.name, TABLE_SCOPE))
    if tag.name == "tr" or outer:
        if not _end_part(state, tag, "tr"):
            state.stray(tag)
        elif outer:
            _end(state, tag)
    else:
        _end_in_table(state, tag)


def _start_in_cell(state: TreeState, tag: Tag) -> None:
    if tag.name in TABLE_PARTS:
        _close_and_retry(state, tag, *CELLS)
    else:
        start_in_body(state, tag)


def _end_in_cell(state: TreeState, tag: Tag) -> None:
    if tag.name in CELLS:
        if not _end_part(state, tag, tag.name):
            state.stray(tag)
    elif tag.name in ("table", "tr", *ROW_GROUPS) and state.open.in_scope(tag.name, TABLE_SCOPE):
        if _end_part(state, tag, *CELLS):
            _end(state, tag)
    elif tag.name in _ENDS_OF_TABLES:
        state.stray(tag)
    else:
        end_in_body(state, tag)


def _end_part(state: TreeState, tag: Tag, *names: str) -> bool:
    """Closes the open part of a table that has one of these names; false where none is open in this table."""
    index = max(map(state.open.last, names))
    if index < 0 or index < state.open.last(TABLE_SCOPE):
        return False
    state.imply_ends()
    state.close(index, tag)
    state.reset_mode()
    return True


def _close_and_retry(state: TreeState, tag: Tag, *names: str) -> None:
    """A start tag that ends the open part of a table and is read again outside of it."""
    if _end_part(state, tag, *names):
        _START[state.mode](state, tag)
    else:
        state.stray_start(tag)


# Templates, and after the body.


def _start_in_template(state: TreeState, tag: Tag) -> None:
    if tag.name in HEAD_CONTENT:
        head_content(state, tag)
        return
    state.templates[-1] = state.mode = _TEMPLATE_MODES.get(tag.name, Mode.IN_BODY)
    _START[state.mode](state, tag)


def _end_template(state: TreeState, tag: Tag) -> None:
    index = state.open.last("template")
    while len(state.open) - 1 > index and state.open[len(state.open) - 1].key in OPTIONAL_END:
        state.open.pop()
    state.close(index, tag)
    state.templates.pop()
    state.reset_mode()


def _start_after_body(state: TreeState, tag: Tag) -> None:
    state.soft += 1
    state.reset_mode()
    _START[state.mode](state, tag)


def _end_after_body(state: TreeState, tag: Tag) -> None:
    index = state.open.last(tag.name)
    if index >= 0 and not state.open[index].reported:
        state.issue("misnested", tag.at, f"{tag.written} of the {state.open[index].place} comes after `</body>`")
    state.reset_mode()
    _end(state, tag)


_START: dict[Mode, TagRule] = {
    Mode.BEFORE_HEAD: _start_before_head,
    Mode.IN_HEAD: _start_in_head,
    Mode.IN_HEAD_NOSCRIPT: _start_in_head_noscript,
    Mode.AFTER_HEAD: _start_after_head,
    Mode.IN_BODY: start_in_body,
    Mode.IN_TABLE: _start_in_table,
    Mode.IN_CAPTION: _start_in_caption,
    Mode.IN_COLUMN_GROUP: _start_in_column_group,
    Mode.IN_TABLE_BODY: _start_in_table_body,
    Mode.IN_ROW: _start_in_row,
    Mode.IN_CELL: _start_in_cell,
    Mode.IN_TEMPLATE: _start_in_template,
    Mode.AFTER_BODY: _start_after_body,
}
_END: dict[Mode, TagRule] = {
    Mode.BEFORE_HEAD: _end_before_body,
    Mode.IN_HEAD: _end_before_body,
    Mode.IN_HEAD_NOSCRIPT: _end_in_head_noscript,
    Mode.AFTER_HEAD: _end_before_body,
    Mode.IN_BODY: end_in_body,
    Mode.IN_TABLE: _end_in_table,
    Mode.IN_CAPTION: _end_in_caption,
    Mode.IN_COLUMN_GROUP: _end_in_column_group,
    Mode.IN_TABLE_BODY: _end_in_table_body,
    Mode.IN_ROW: _end_in_row,
    Mode.IN_CELL: _end_in_cell,
    Mode.IN_TEMPLATE: TreeState.stray,
    Mode.AFTER_BODY: _end_after_body,
}
