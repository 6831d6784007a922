"""Text that people, models and other people's code may hand to uimon, and what of it may never leave."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

STEERING = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b2J",
    "\x00",
    "\r\n2026-11-28 12:00:00 ERROR forged",
    "\n2026-11-28 12:00:00 ERROR forged",
    "\u2028forged",
    "\x85forged",
    "\u202eabc",
    "\u2066abc\u2069",
    "\u061c",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\xad",
    "\u3164",
    "\U000e0041\U000e007f",
    "\ud800",
    "\udcff",
    "\ue000",
    "[bold red]markup[/]",
    ":bomb:",
    "%s %d {0}",
    "\x08\x08\x08",
    "a\u0301" * 50,
)
ORDINARY = (
    "plain",
    "naïve café",
    "日本語\u3000テキスト",
    "مرحبا بالعالم",
    "שלום",
    "می\u200cخواهم",
    "👩\u200d👩\u200d👧",
    "❤\ufe0f\u200d🔥",
    "👍🏽",
    "1\ufe0f\u20e3",
    "क\u094dष",
    "e\u0301",
    "10\xa0%",
    "C:\\x1b\\new",
)
_HIDDEN = frozenset("\u200b\u2060\ufeff\xad\u3164\u115f\u1160\uffa0\u034f")

hostile_text = st.lists(
    st.one_of(st.sampled_from(STEERING), st.sampled_from(ORDINARY), st.text(max_size=12), st.characters()), max_size=6
).map("".join)


def may_leave(text: str, *, lines: bool = False) -> bool:
    """True for a text without anything that steers, hides, forges or cannot be encoded."""
    return all(
        unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
        and c not in _HIDDEN
        and (unicodedata.category(c) != "Cf" or c in "\u200c\u200d")
        for c in text
        if not (lines and c in "\n\t")
    )
