"""Special tokens that stand in a completion as text: where the turn ends, and what is no part of an answer."""

from __future__ import annotations

import re
from itertools import islice

from scorers.extraction.passage import BLANK, Passage

_TOKEN = (
    r"<\|[\w./:▁ -]{1,48}\|>|<｜[^｜<>\n]{1,48}｜>"
    r"|<(?:start|end)_of_(?:turn|utterance|text|image)>|<(?:bos|eos|pad|unk|eot|eod|EOT)>"
    r"|\[/?INST\]|<</?SYS>>|\[(?:EOS|BOS|PAD|DONE|/s)\]|<0x0A>"
)
_TOKENS = re.compile(_TOKEN)
_ROLE = r"(?:assistant|model|Assistant|ASSISTANT|bot|gpt)"
# What begins a turn of the model: tokens, each maybe with the role behind it, or the role alone with a colon.
_LEADING = re.compile(rf"(?:[{re.escape(BLANK)}]+|(?:{_TOKEN})(?:{_ROLE}(?=\s|<|$))?|<s>|{_ROLE}:(?=\s))++")
_TURN_END = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|end|endoftext|end_of_text|end_of_turn|END_OF_TURN_TOKEN|eos|eot|EOT|return|call|"
    r"im_start|start_header_id|user|system|observation|assistant|end_of_role|start_of_role|begin_of_text|fim_pad|"
    r"file_sep|repo_name|endofprompt|end_of_document|eod|EOS_TOKEN|endofturn)\|>"
    r"|<｜(?:end▁of▁sentence|User|Assistant|begin▁of▁sentence|end of sentence)｜>|<end_of_(?:turn|utterance|text)>"
    r"|<start_of_turn>|<(?:eos|pad|eot|eod|EOT)>|\[/?INST\]|\[(?:EOS|PAD|DONE|/s)\]|</s>(?=\s*$)"
)
_QUOTES = ('"', "'", "`", "\\")
_NEXT_TURN = re.compile(r"INST|start|user|User|ssistant|system|begin")
# Where harmony's channels are named, its tokens are read with them.
CHANNEL = "<|channel|>"
# Of which every token has one: a text without them, as most are, is not searched.
_MARKS = ("<|", "<｜", "_of_", "<eo", "<pad", "<EOT", "</s>", "INST]", "[EOS]", "[PAD]", "[DONE]", "[/s]")
# A text has one end; a loop of tokens is text.
_MOST = 20
_FENCE_LINE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})", re.MULTILINE)
_CLOSING_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*$", re.MULTILINE)
_STRUCK = re.compile(r"<s[\s>]", re.IGNORECASE)
_DOCUMENT_BEGINS = re.compile(r"<!doctype|<html[\s>]", re.IGNORECASE)


def begins_turn(text: str) -> bool:
    """Whether a text begins with what begins a turn of the model: blanks, tokens, its role."""
    return _LEADING.match(text) is not None


def answer_turn(passage: Passage) -> Passage:
    """The model's turn: without the tokens that begin it, and up to the one that ends it.

    A token ends the turn where nothing but blanks, another token or a further line follows it; one between quotes, in a
    closed block or in a document that goes on is text of the page. A turn with an end of its own was not cut.

    >>> turn = answer_turn(Passage("<|im_start|>assistant\\n<p>a</p><|im_end|>\\n<|im_start|>user", open=True))
    >>> turn.text, turn.open
    ('<p>a</p>', False)
    """
    text = passage.text
    if CHANNEL in text:
        return passage
    found = _LEADING.match(text)
    start = found.end() if found else 0
    if not any(mark in text for mark in _MARKS):
        return passage.part(start)
    for match in islice(_TURN_END.finditer(text, start), _MOST):
        if _ends(text, start, match):
            return without_tokens(passage.part(start, match.start()).closed())
    return passage.part(start)


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    if match[0] == "</s>" and _STRUCK.search(text, start, match.start()):
        return False
    after = text[match.end() : match.end() + 200].lstrip(BLANK)
    if _is_quoted(text, match):
        return False
    if not after or _TOKENS.match(after):
        return not _goes_on(text, start, match)
    if _NEXT_TURN.search(match[0]):
        return not _goes_on(text, start, match)
    line_ends = text[match.end() : match.end() + 1] == "\n"
    return line_ends and not _goes_on(text, start, match)


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether a token stands between quotes; a fence before it is none."""
    before, after = text[max(0, match.start() - 3) : match.start()], text[match.end() : match.end() + 1]
    return (before[-1:] in _QUOTES and before != "```") or after in _QUOTES


def _goes_on(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether the token stands in code that has its end after it."""
    if not text[match.end() :].strip(BLANK):
        return False
    document = _DOCUMENT_BEGINS.search(text, start, match.start())
    if document and "</html" not in text[document.start() : match.start()] and "</html" in text[match.end() :]:
        return True
    inside = len(_FENCE_LINE.findall(text, start, match.start())) % 2 == 1
    return inside and _CLOSING_FENCE.search(text, match.end()) is not None


def without_tokens(passage: Passage) -> Passage:
    """The text without the special tokens at its edges."""
    text = passage.text
    start, end = 0, len(text)
    while found := _TOKENS.match(text, start):
        start = found.end()
    while end > start and (tail := _TAIL.search(text, max(start, end - 80), end)):
        end = tail.start()
    part = passage.part(start, end)
    return Passage(part.text, part.places, part.open if end == len(text) else False)


_TAIL = re.compile(rf"(?:{_TOKEN}|</s>)[{re.escape(BLANK)}]*$")
