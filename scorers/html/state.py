"""The state of reading one HTML text, and what the rules of its insertion modes share: opening, closing, complaining.

After an issue the reading goes on as the author will have meant it, not as a browser repairs it, so that one mistake
is one issue: the end tag that an element lost to an issue still gets is no second one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum, auto

from scorers.html.elements import (
    BUTTON_SCOPE,
    CELLS,
    IMPLIED_END,
    MODE,
    OPTIONAL_END,
    RAW_TEXT,
    ROW_GROUPS,
    TABLE_PARTS,
)
from scorers.html.open_elements import Element, LineColumn, OpenElements, Tag

ReportIssue = Callable[[str, LineColumn, str], None]


class Mode(Enum):
    """The insertion modes: those before the head as one, those of raw text as the flag `TreeState.raw`."""

    # Modes are looked up for every tag; an enum's own hash is computed in Python each time.
    __hash__ = object.__hash__

    BEFORE_HEAD = auto()
    IN_HEAD = auto()
    IN_HEAD_NOSCRIPT = auto()
    AFTER_HEAD = auto()
    IN_BODY = auto()
    IN_TABLE = auto()
    IN_CAPTION = auto()
    IN_COLUMN_GROUP = auto()
    IN_TABLE_BODY = auto()
    IN_ROW = auto()
    IN_CELL = auto()
    IN_TEMPLATE = auto()
    AFTER_BODY = auto()


MODE_OF = {
    "table": Mode.IN_TABLE,
    "caption": Mode.IN_CAPTION,
    "colgroup": Mode.IN_COLUMN_GROUP,
    **dict.fromkeys(ROW_GROUPS, Mode.IN_TABLE_BODY),
    "tr": Mode.IN_ROW,
    **dict.fromkeys(CELLS, Mode.IN_CELL),
}
# Elements that stay open even where their start tag ends in `/>`, because what follows is read by their rules.
_KEPT_OPEN = RAW_TEXT | TABLE_PARTS | {"table", "template"}


class TreeState:
    """What has been read so far. Issues go to `report` as code, place and sentence.

    `mode` is the insertion mode, `base` the one outside of every table and template, `templates` those of the open
    templates. `raw` is true inside an element like `script`, `soft` counts what is forgiven, `form` is the form that
    the next fields belong to, `began` says where the page's doctype, `html`, `head` and `body` began.
    """

    def __init__(self, report: ReportIssue) -> None:
        self.open = OpenElements()
        self.mode = self.base = Mode.BEFORE_HEAD
        self.templates: list[Mode] = []
        self.raw = False
        self.soft = 0
        self.form: Element | None = None
        self.began: dict[str, LineColumn] = {}
        self.ended: set[str] = set()
        self.issue = report
        self._lost: Counter[str] = Counter()

    @property
    def foreign(self) -> bool:
        """True where the current node is an element of SVG or MathML."""
        top = self.open.top
        return top is not None and top.space != ""

    def push(self, tag: Tag) -> bool:
        """Opens an HTML element; false where it does not, because its tag ends in `/>`: that is the issue then."""
        element = Element(tag.name, tag.at)
        if tag.closed:
            message = f"{tag.written[:-2]} />` is not closed: HTML ignores the slash here"
            self.issue("non-void-html-element-start-tag-with-trailing-solidus", tag.at, message)
            if tag.name not in _KEPT_OPEN:
                self.lose(tag.name)
                return False
            element.reported = True
        self.open.push(element)
        self.raw = tag.name in RAW_TEXT and tag.name != "noscript"
        return True

    def imply(self, name: str, tag: Tag) -> None:
        """Opens an element whose start tag may be left out."""
        self.open.push(Element(name, tag.at))

    def imply_ends(self, keep: str = "") -> None:
        """Closes the elements whose end tags may be left out, up to one of the name `keep`."""
        while (top := self.open.top) is not None and top.key in IMPLIED_END and top.key != keep:
            self.open.pop()

    def close_p(self, tag: Tag) -> None:
        """Closes an open paragraph."""
        if self.open.in_scope("p", BUTTON_SCOPE):
            self.imply_ends(keep="p")
            self.close(self.open.last("p"), tag)

    def close(self, index: int, tag: Tag) -> None:
        """Closes the element at `index` because of `tag`; what is still open inside it is an issue."""
        if index == len(self.open) - 1:
            self.open.pop()
            return
        inner = self.open[index + 1]
        if not self.clear_to(index, tag):
            # Its own end tag may be left out, but not here: `<b><p></b>`.
            self.issue("misnested", tag.at, f"{tag.written} comes while the {inner.place} is open")
        while len(self.open) > index:
            self.open.pop()

    def clear_to(self, index: int, tag: Tag) -> bool:
        """Closes all above `index`; true where something among it needed an end tag of its own, which is an issue."""
        guilty = False
        while len(self.open) - 1 > index:
            element = self.open.pop()
            if element.key in OPTIONAL_END:
                continue
            guilty = True
            self._unclosed(element, f"not closed before {tag.written} at line {tag.at[0]}")
            self.lose(element.name)
            if element is self.form:
                self.form = None
        return guilty

    def report_open(self, tag: Tag | None = None) -> None:
        """Reports the elements that are open at the end of the body (`tag`) or of the text."""
        how = f"not closed before {tag.written} at line {tag.at[0]}" if tag else "never closed"
        for element in self.open:
            if element.key not in OPTIONAL_END:
                self._unclosed(element, how)

    def lose(self, name: str) -> None:
        """Remembers that an element was closed or dropped by an issue: its end tag is none of its own."""
        self._lost[name] += 1

    def stray(self, tag: Tag) -> None:
        """An end tag that closes nothing."""
        if self._lost[tag.name] > 0:
            self._lost[tag.name] -= 1
            return
        index = self._last_in_any_language(tag.name)
        if index < 0:
            self.issue("stray-end-tag", tag.at, f"{tag.written} has no open element to close")
        else:
            inner = self.open[max(index, len(self.open) - 1)]
            message = f"{tag.written} cannot close the {self.open[index].place}: it stands inside the {inner.place}"
            self.issue("stray-end-tag", tag.at, message)

    def mismatch(self, tag: Tag) -> None:
        """An end tag that HTML ignores, because something else is open: still its author's end of that element."""
        index = self._last_in_any_language(tag.name)
        if index > self.open.last(MODE):
            self.close(index, tag)
        else:
            self.stray(tag)

    def stray_start(self, tag: Tag) -> None:
        """A start tag that HTML drops."""
        self.issue("stray-start-tag", tag.at, f"{tag.written} cannot stand here: browsers drop the tag")
        self.lose(tag.name)

    def nested(self, tag: Tag, index: int) -> None:
        """An element that cannot stand inside the open one at `index`, which ends here if nothing lies between."""
        self.issue("nested", tag.at, f"{tag.written} opens inside the {self.open[index].place}")
        if index == len(self.open) - 1:
            self.lose(self.open.pop().name)

    def void_end(self, tag: Tag) -> None:
        """The end tag of an element that has none."""
        self.issue("void-end-tag", tag.at, f"{tag.written} closes an element that has no end tag")

    def duplicate(self, tag: Tag) -> None:
        """A second `html`, `head` or `body`, or one that comes after what it should hold."""
        began = self.began.get(tag.name)
        where = "" if began is None else f": it began at line {began[0]}, column {began[1]}"
        self.issue("duplicate", tag.at, f"{tag.written} comes when the page already has its {tag.name}{where}")

    def enter_body(self, at: LineColumn) -> None:
        """The body begins, by its start tag or by what can only stand in it."""
        self.began.setdefault("head", at)
        self.began.setdefault("body", at)
        self.base = Mode.IN_BODY
        self.reset_mode()

    def reset_mode(self) -> None:
        """Sets the insertion mode by what is open."""
        index = self.open.last(MODE)
        if index < 0:
            self.mode = self.base
        elif self.open[index].key == "template":
            self.mode = self.templates[-1]
        else:
            self.mode = MODE_OF[self.open[index].key]

    def _last_in_any_language(self, name: str) -> int:
        return max(map(self.open.last, (name, f"svg {name}", f"math {name}")))

    def _unclosed(self, element: Element, how: str) -> None:
        if not element.reported:
            element.reported = True
            self.issue("unclosed", element.at, f"{element.place.split(' at ')[0]} here is {how}")


TagRule = Callable[[TreeState, Tag], None]
"""What an insertion mode does with a tag."""
