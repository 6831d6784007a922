"""Thoughts: what a model writes before its answer, in the brackets of every family. A draft in them is never code.

Forms: `<think>`, `[THINK]`, `◁think▷`, `<|think|>`, `<|begin_of_thought|>`, `<|START_THINKING|>`, `<seed:think>`, the
channels of harmony (with or without its tokens), `<details type="reasoning">`; names: every one whose words say
thinking. An end without a beginning says that all before it was thought. Words that a page may use, too (`<Plan>`,
`<analysis>`), count only where an answer begins with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from scorers.extraction.look import DOCUMENT, begins_code, begins_document, begins_module
from scorers.extraction.passage import BLANK, Passage

_STRONG = (
    r"(?:ant|inner|internal|my|the|seed:|chain[_-]?of[_-]?)?[_-]?"
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|scratch_?pad|cot|monologue|rationale|deliberation)"
    r"(?:[_-]?(?:process|content|steps?|block|trace|mode))?"
)
_WEAK = (
    r"(?:[a-z]+[_-])?(?:analysis|analy[sz]e|plan|planning|brainstorm(?:ing)?|brainstorm_?ideas|steps|approach|strategy|"
    r"design_?(?:plan|thinking|process|notes)|understanding|considerations|contemplat(?:e|ion|or)|critique|"
    r"self_?(?:check|critique|review)|review|intention|decomposition|context_?analysis)(?:[_-][a-z]+)?"
)
# Words of which every name of a thought has one: a text without them, as most are, is not searched.
_STEMS = ("think", "thought", "reason", "reflect", "scratch", "cot", "monologue", "rationale", "deliberation")
_MARK = re.compile(
    rf"<(?P<end>/?)(?P<angle>{_STRONG})(?P<rest>\s[^<>\n]{{0,300}})?>"
    rf"|\[(?P<square_end>/?)(?P<square>THINK|THINKING|THOUGHTS?|REASONING|REFLECTION|SCRATCHPAD)\]"
    rf"|[◁<]\|?(?P<kimi_end>/?)(?P<kimi>think(?:ing)?|thought|reasoning)\|?▷"
    rf"|<\|(?P<token_end>/|end[_▁]of[_▁]|END_|end_|/)?(?:begin[_▁]of[_▁]|START_|begin_|start_)?"
    rf"(?P<token>think(?:ing)?|thoughts?|reasoning|cot|scratchpad|reflection)(?P<token_tail>_(?:start|end))?\|>"
    rf"|<｜(?P<full_end>/|end▁of▁)?(?:begin▁of▁)?(?P<full>think(?:ing)?|thought|reasoning)｜>",
    re.IGNORECASE,
)
# What a page may use, too; a thought only where an answer begins with it.
_WEAK_MARK = re.compile(
    rf"<(?P<weak>{_WEAK})(?:\s[^<>\n]{{0,300}})?>|<(?P<details>details)\s[^<>\n]{{0,200}}?type=[\"']?reasoning[^<>\n]*>",
    re.IGNORECASE,
)
_FAMILY = {"thinking": "think", "thoughts": "thought", "reason": "reasoning", "reflect": "reflection"}
_CHANNEL = re.compile(r"<\|channel\|>\s{0,5}(\w{1,40}+)(?P<to>[^<]{0,200})(?:<\|constrain\|>[^<]{0,40})?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_STRIPPED_CHANNEL = re.compile(r"\s*analysis(?=[A-Z\n\"'“*(]|We |I |The |User)")
_STRIPPED_FINAL = re.compile(r"assistantfinal|assistantcommentary[^{<]{0,120}(?=[{<])")
_SPOKEN = re.compile(r"\s*Here(?:'s| is) my thought process:", re.IGNORECASE)
_SPOKEN_END = re.compile(r"^[ \t]*Here(?:'s| is) my response:", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})([^\n]{0,80})", re.MULTILINE)
_QUOTES = tuple("\"'`\\")
# A text has a handful of thoughts; more is a loop, whose marks are text.
_MOST = 100


@dataclass(frozen=True, slots=True)
class SplitAnswer:
    """A turn in parts: what was answered, in order, what was thought, and whether the text ends in a thought."""

    parts: tuple[Passage, ...]
    thoughts: str
    thinking: bool


def split_thoughts(passage: Passage) -> SplitAnswer:
    """The answer and the thoughts of a turn. Linear.

    >>> answer = split_thoughts(Passage("<think>hm</think>\\n<p>a</p>")); answer.parts[0].text, answer.thoughts
    ('\\n<p>a</p>', 'hm')
    >>> split_thoughts(Passage("hm [/THINK] yes")).parts[0].text, split_thoughts(Passage("<thought>hm")).thinking
    (' yes', True)
    """
    spans, thinking = _spans(passage.text)
    parts = tuple(passage.part(*span) for span in spans)
    return SplitAnswer(parts, "\n".join(_outside(passage.text, spans)).strip(), thinking)


def begins_thought(text: str) -> bool:
    """Whether a text begins with words that announce a thought, in no brackets."""
    return (_STRIPPED_CHANNEL.match(text) or _SPOKEN.match(text)) is not None


def holds_thought(text: str) -> bool:
    """Whether anything in a text looks like the beginning or the end of a thought in brackets."""
    return next(_marks(text, 0), None) is not None


def _outside(text: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    position = 0
    for start, end in (*spans, (len(text), len(text))):
        thought = text[position:start].strip(BLANK)
        yield _WEAK_MARK.sub("", _MARK.sub("", thought)).strip(BLANK) if thought else ""
        position = end


def _spans(text: str) -> tuple[list[tuple[int, int]], bool]:
    if "<|channel|>" in text:
        return _channels(text)
    if stripped := _STRIPPED_CHANNEL.match(text):
        return _after(text, stripped.end(), list(_STRIPPED_FINAL.finditer(text))[-1:])
    if spoken := _SPOKEN.match(text):
        ends = list(islice(_SPOKEN_END.finditer(text, spoken.end()), 1))
        if ends:
            return _after(text, spoken.end(), ends)
    return _marked(text)


def _after(text: str, _: int, ends: list[re.Match[str]]) -> tuple[list[tuple[int, int]], bool]:
    """All after a mark; nothing, and a thought that never ended, without it."""
    return ([(ends[0].end(), len(text))], False) if ends else ([], True)


def _channels(text: str) -> tuple[list[tuple[int, int]], bool]:
    """What stands in the channels of harmony that are not `analysis`."""
    spans, kind = [], ""
    position = 0
    for match in islice(_CHANNEL.finditer(text), _MOST):
        if match.start() < position:
            continue
        ended = _CHANNEL_END.search(text, match.end())
        position = ended.start() if ended else len(text)
        kind = match[1]
        if kind == "final" or (kind == "commentary" and "to=" in match["to"]):
            spans.append((match.end(), position))
    final = [span for span in spans if text[slice(*span)].strip(BLANK)]
    return final, not final and kind in ("analysis", "commentary", "")


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    family: str
    closing: bool
    component: bool


def _marks(text: str, start: int) -> Iterator[_Mark]:
    lower = text.lower()
    if not any(stem in lower for stem in _STEMS):
        return
    for match in islice(_MARK.finditer(text, start), _MOST):
        written = match["angle"] or match["square"] or match["kimi"] or match["token"] or match["full"]
        end = match["end"] or match["square_end"] or match["kimi_end"] or match["token_end"] or match["full_end"]
        closing = bool(end) or (match["token_tail"] or "").lower() == "_end"
        if not (match["rest"] or "").endswith("/"):
            family = _FAMILY.get(written.lower(), written.lower())
            component = bool(match["angle"]) and written[:1].isupper() and not written.isupper()
            yield _Mark(match.start(), match.end(), family, closing, component)


def _marked(text: str) -> tuple[list[tuple[int, int]], bool]:
    """The stretches outside of thoughts, and whether the text ends inside a thought."""
    spans: list[tuple[int, int]] = []
    start, opened = _after_weak(text), ""
    for mark in _marks(text, start):
        if opened:
            if mark.closing and mark.family == opened:
                start, opened = mark.end, ""
        elif mark.closing:
            if _is_orphan(text, mark, start):
                spans.clear()
                start = mark.end
        elif _opens(text, mark, start):
            spans.append((start, mark.start))
            opened = mark.family
    if not opened:
        spans.append((start, len(text)))
    return [span for span in spans if text[slice(*span)].strip(BLANK)], bool(opened)


def _after_weak(text: str) -> int:
    """Where the thoughts end that an answer begins with under a name that a page may use, too."""
    start = 0
    while mark := _WEAK_MARK.match(text, _first(text, start)):
        closer = f"</{mark['weak'] or mark['details']}>"
        closed = text.find(closer, mark.end())
        if closed < 0 or (mark["weak"] and begins_code(text, _first(text, mark.end()))):
            break
        start = closed + len(closer)
    return start


def _is_orphan(text: str, mark: _Mark, start: int) -> bool:
    """Whether an end without a beginning is one: not one that a page quotes, or that stands in a closed block."""
    if text[mark.start - 1 : mark.start] in _QUOTES or text[mark.end : mark.end + 1] in _QUOTES:
        return False
    return not _in_block(text, start, mark) and not _in_code(text, _first(text, start), mark)


def _opens(text: str, mark: _Mark, start: int) -> bool:
    """Whether a mark begins a thought: in a line of its own or its first, and where no code stands around it."""
    line = text[max(0, mark.start - 8) : mark.start].rstrip(" \t" + "\u200b\ufeff\u00a0")[-1:]
    if line not in ("", "\n", ">"):
        return False
    if mark.component:
        # A component may be called so, too: a thought has nothing before it, talk in it and an end.
        alone = not text[start : mark.start].strip(BLANK) and f"</{text[mark.start + 1 : mark.end]}" in text[mark.end :]
        return alone and not begins_code(text, _first(text, mark.end))
    return line != ">" and not _in_block(text, start, mark) and not _in_code(text, _first(text, start), mark)


def _in_code(text: str, start: int, mark: _Mark) -> bool:
    """Whether a mark stands in a document that goes on, or in a script's template literal."""
    if begins_document(text, start):
        if text.find("</html", start, mark.start) >= 0 or DOCUMENT.search(text, mark.end):
            return False
        return text.find("</html", mark.end) >= 0
    return begins_module(text, start) and text.count("`", start, mark.start) % 2 == 1


def _first(text: str, start: int) -> int:
    head = text[start : start + 500]
    return start + len(head) - len(head.lstrip(BLANK))


def _in_block(text: str, start: int, mark: _Mark) -> bool:
    """Whether a mark stands in a fenced block that was opened with a language before it and is closed after it."""
    if text.count("```", start, mark.start) % 2 == 0:
        return False
    after = _FENCE.search(text, mark.end)
    return after is not None and not after[1].strip() and not _answers(text, mark.end)


def _answers(text: str, start: int) -> bool:
    """Whether an answer begins behind a mark: a fence's or a page's beginning, before any closing fence."""
    return begins_code(text, _first(text, start)) and text.startswith("<", _first(text, start))


def is_thought(name: str) -> bool:
    """Whether a tag's name says that its content is thought."""
    return re.fullmatch(rf"{_STRONG}|{_WEAK}", name, re.IGNORECASE) is not None
