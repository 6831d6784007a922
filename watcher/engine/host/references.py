"""Which tokens a reference answer has, and what stands before them: as TRL's trainer has them in its loss.

The tokens in the loss are those by which the whole text goes on after what it shares with the prompt alone. They need
not begin where the prompt ends: tokens may merge across the seam, and a template may write an opening that it drops
again in a finished conversation. Plain text is tokenized as text, without a template, with the tokenizer's end token
behind it.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from watcher.engine.host.conversion import BLANK
from watcher.engine.host.probing import text_of
from watcher.engine.host.tokenizer import Tokenizer
from watcher.engine.host.tokenizers import normalized
from watcher.engine.types import PlainText, PromptSpec

_EXCERPT_CHARS = 40


def plain_prompt(tokenizer: Tokenizer, asked: PlainText) -> PromptSpec | str:
    """The prompt of plain text, or the sentence that says why it cannot be used.

    Raises ReferenceLost where the tokenizer has no tokens for some of the reference.
    """
    prompt = [] if asked.prompt is None else text_ids(tokenizer, asked.prompt)
    continued = _open_ended(tokenizer, asked.prompt or "", prompt)
    spec = PromptSpec(asked.id, asked.asked, tuple(continued), sampled=bool(continued))
    if asked.text is not None:
        eos = tokenizer.eos_token or ""
        full = text_ids(tokenizer, asked.text if asked.text.endswith(eos) else asked.text + eos)
        shared = common_prefix(prompt, full) if asked.masked else 0
        answer = asked.text if not asked.masked else asked.answer or ""
        require_nothing_lost(tokenizer, full, shared, (answer,), asked.id)
        spec = with_reference(spec, full, shared, len(answer))
    return spec if spec.sampled or spec.reference_ids else "There is no token in it to be predicted."


def with_reference(spec: PromptSpec, full: Sequence[int], shared: int, chars: int) -> PromptSpec:
    """The prompt with the tokens of `full` from `shared` on as its reference, but the first, which nothing predicts."""
    before, reference = tuple(full[: max(shared, 1)]), tuple(full[max(shared, 1) :])
    prefix = None if before == spec.token_ids else before
    return replace(spec, reference_ids=reference or None, reference_chars=chars, prefix_ids=prefix)


def text_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of plain text, with the special tokens that the tokenizer puts around it."""
    return [int(token) for token in tokenizer(text)["input_ids"]]


def _open_ended(tokenizer: Tokenizer, text: str, ids: list[int]) -> list[int]:
    """The ids of a prompt without what the tokenizer puts behind every text: a model that has read the end of a text
    begins another.
    """
    bare = [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    around = len(ids) - len(bare)
    begin = next((at for at in range(around + 1) if ids[at : at + len(bare)] == bare), None)
    return ids if begin is None or not bare else ids[: begin + len(bare)]


def common_prefix(one: Sequence[object], other: Sequence[object]) -> int:
    """How many ids or characters both begin with.

    >>> common_prefix([1, 2, 3], [1, 2, 4, 5])
    2
    """
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def missing(tokenizer: Tokenizer, ids: Sequence[int], start: int, answer: Sequence[str]) -> str:
    """What `ids` lack of the parts of an `answer`, from the first lost character on; empty where all is there, blanks
    aside.

    The end of the first part has to lie behind `ids[:start]`, its beginning may lie before: a template may open the
    thinking block with which the answer begins. The others follow in their order; a template may write between them.
    """
    text, at = _compact(_decode(tokenizer, ids)), None
    for part in answer:
        wanted = _compact(normalized(tokenizer, part))
        begin = max(0, len(_compact(_decode(tokenizer, ids[:start]))) - len(wanted) + 1) if at is None else at
        found = text.find(wanted, begin)
        if found < 0:
            known = bisect_left(range(len(wanted)), True, key=lambda last: wanted[: last + 1] not in text[begin:])
            return wanted[known:]
        at = found + len(wanted)
    return ""


class ReferenceLost(Exception):
    """A template or a tokenizer does not keep a reference answer whole; the text is a sentence."""


def require_nothing_lost(
    tokenizer: Tokenizer, ids: Sequence[int], start: int, answer: Sequence[str], name: str
) -> None:
    """Raises ReferenceLost where `ids` lack some of `answer`."""
    _refuse(missing(tokenizer, ids, start, answer), "lose", name)


def require_blanks(changed: str, name: str) -> None:
    """Raises ReferenceLost where a template has `changed` an answer's blanks."""
    _refuse(changed, "change blanks in", name)


def _refuse(lost: str, how: str, name: str) -> None:
    if not lost:
        return
    shown = lost if len(lost) <= _EXCERPT_CHARS else f"{lost[:_EXCERPT_CHARS]}…"
    raise ReferenceLost(
        f"The reference answer of conversation {name} does not survive the chat template and the tokenizer: they "
        f"{how} {shown!r}; name those of the training (--chat-template, --tokenizer), or remove the reference."
    )


def _decode(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    return text_of(tokenizer, ids, special=True)


def _compact(text: str) -> str:
    """The text without blanks and in normal form KC: what templates trim and tokenizers normalize does not count.

    >>> _compact(" a\\u00a0\\ufb01\\n▁b")
    'afib'
    """
    return "".join(unicodedata.normalize("NFKC", text).replace(BLANK, " ").split())
