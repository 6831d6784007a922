"""How a tokenizer is tried out: texts that tell tokenizers apart, and what one makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from watcher.engine.host.tokenizer import Tokenizer

PLAIN_TEXTS = (
    "one two",
    "two  blanks",
    "a line\nbreak\n\n\tand a tab",
    "if x:\n        deep",
    "x = 1234567890;",
)
"""What any code holds; a tokenizer that loses some of it cannot be believed."""
HARD_TEXTS = (
    " one before",
    "no\u00a0break",
    "naïve e\u0301",
    "日本語 テキスト",
    "👩‍💻 ok",
    "zero\u200bwidth",
    "don't I'LL",
    "<p class='a'>\r\n</p>",
    "½ ﬁ Å",
)
"""What some code holds: characters that normalizers and pre-tokenizers treat in their own ways."""
_EXCERPT = 30


def ids_of(tokenizer: Tokenizer, text: str, *, marked: bool = False) -> list[int]:
    """The ids of a text; `marked` with the special tokens that the tokenizer puts around it."""
    return [int(token) for token in tokenizer(text, add_special_tokens=marked)["input_ids"]]


def text_of(tokenizer: Tokenizer, ids: Sequence[int], *, special: bool) -> str:
    """What `ids` say, with the texts of special tokens or without; a decoder may drop one blank at the beginning."""
    text = tokenizer.decode(list(ids), skip_special_tokens=not special, clean_up_tokenization_spaces=False)
    return str(text)


def first(texts: Iterable[str], test: Callable[[str], bool]) -> str | None:
    """The first text for which `test` holds."""
    return next((text for text in texts if test(text)), None)


def excerpt(text: str) -> str:
    """The beginning of a text, in quotes.

    >>> excerpt("a\\n")
    "'a\\\\n'"
    """
    return repr(text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…")
