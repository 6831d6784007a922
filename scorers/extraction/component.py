"""Components of Vue, Svelte and Astro that stand in a text as they are: their scripts are no modules of their own."""

from __future__ import annotations

import re

from scorers.extraction.bare import Region
from scorers.extraction.look import is_component
from scorers.extraction.passage import Passage
from scorers.language import LANGUAGES

BEGINS = re.compile(r"<(?:script|template|style)(?=[\s>])|---[ \t]*\n|\{#(?:if|each|await|key|snippet)\b")
_FENCE = re.compile(r"\n[ \t]*(?:```|~~~)")
_BLOCK_END = re.compile(r"^</(?:template|script|style)>", re.MULTILINE)
_LINE_END = re.compile(r"(?:>|\{/[a-z]+\})(?=[ \t]*$)", re.MULTILINE)


def component_at(passage: Passage, start: int) -> tuple[Region, str] | None:
    """The component that begins at `start`, a line's beginning, up to a fence or to talk; None where none begins.

    >>> found = component_at(Passage("{#if a}\\n<p>b</p>\\n{/if}\\n\\nThat is all."), 0)
    >>> found[0].code.text if found else None
    '{#if a}\\n<p>b</p>\\n{/if}'
    """
    text = passage.text
    if not BEGINS.match(text, start):
        return None
    fence = _FENCE.search(text, start)
    limit = fence.start() if fence else len(text)
    language = is_component(text[start:limit])
    if language is None:
        return None
    stop = start
    for match in (_BLOCK_END if LANGUAGES[language].has_blocks else _LINE_END).finditer(text, start, limit):
        stop = match.end()
    rest = text[stop:limit]
    # Markup or a block that had begun: the answer stops inside the component.
    if stop == start or "<" in rest or "{" in rest:
        stop, rest = limit, ""
    code = passage.part(start, stop)
    return Region((code.closed() if rest.strip() or fence else code).bare(), start, stop), language
