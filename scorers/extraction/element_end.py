"""Where the elements of a text end that hold code or talk, as wrapper tags do."""

from __future__ import annotations

from scorers.extraction.look import begins_document
from scorers.extraction.markup_end import document_end
from scorers.extraction.passage import BLANK
from scorers.extraction.wrappers import WrapperTag, closing_of, tag_at

# Characters that are looked through in vain for end tags: an answer needs a thousandth of this, and thousands of tags
# that nobody closes would each be looked for to the end of the text.
_MOST_SEARCHED = 200_000_000


class ElementEnds:
    """Looks for the ends of elements in one text, within a bound for all of them together."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._searched = 0

    def closing_of(self, tag: WrapperTag, start: int) -> tuple[int, int]:
        """Where the end tag of an element that `tag` opens stands from `start` on, and where that ends; -1 for both
        where there is none, or too much was looked through in vain."""
        found = closing_of(self._text, tag, start) if self._searched < _MOST_SEARCHED else (-1, -1)
        self._searched += len(self._text) - start if found[0] < 0 else 0
        return found

    def content_end(self, tag: WrapperTag) -> int:
        """From where on a wrapper's end tag is looked for: behind a document or character data that it holds."""
        head = self._text[tag.end : tag.end + 400].lstrip(BLANK)
        if head.startswith("<![CDATA["):
            closed = self._text.find("]]>", tag.end)
            return closed if closed >= 0 else tag.end
        end = document_end(self._text, tag.end, len(self._text)) if begins_document(self._text, tag.end) else -1
        if end < 0:
            return tag.end
        first = self.closing_of(tag, tag.end)[0]
        # An end tag before the document's end is the wrapper's if none follows.
        return tag.end if 0 <= first < end and self.closing_of(tag, end)[0] < 0 else end

    def is_replaced(self, tag: WrapperTag) -> bool:
        """Whether an element that a page may have is one that an edit looks for: the next one says what by."""
        if not tag.is_old or tag.is_known:
            return False
        end = self.closing_of(tag, tag.end)[1]
        following = self._text[end : end + 300].lstrip(BLANK) if end >= 0 else ""
        by = tag_at(following, 0)
        return by is not None and by.is_new
