"""Fenced blocks, by CommonMark's rules and in the broken ways that models have.

Besides CommonMark: a fence may open after words and close behind code in the same line, code may begin on the fence's
own line, and the language may stand in the line after it. A fence with an info string closes the block before it. A
fence inside a template literal, a text area, `<pre>` or a script is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scorers.extraction.look import MODULE, begins_code, begins_css, begins_document, begins_module
from scorers.extraction.markup_end import literal_spans
from scorers.extraction.names import Hint, hint_of_info, is_text, is_word
from scorers.extraction.passage import BLANK, MAX_PIECES, Passage
from scorers.extraction.script_end import template_spans
from scorers.language import Role

_LIST_MARK = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])?[ \t]*")
_CODE_ON_LINE = re.compile(r"\{?([\w+#-]*)[ \t]*(?=<[!A-Za-z>])")
# An info string and a line are looked at up to here; beyond, a line is text.
_LINE = 600
# How much of a script is walked through to see whether a fence stands in a template literal.
_WALK = 300_000


@dataclass(frozen=True, slots=True)
class Fence:
    """A block: `start` is where its fence stands, `end` behind its closing one. `outer` says that the next fence began
    before this block had its own end."""

    hint: Hint
    body: Passage
    start: int
    end: int
    outer: bool
    closed: bool = True


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of fence characters: what stands before and after it in its line."""

    start: int
    end: int
    before: str
    after: str
    line_end: int

    @property
    def at_start(self) -> bool:
        return not self.before.strip(BLANK)


class Fences:
    """The fences of one passage."""

    def __init__(self, passage: Passage) -> None:
        self._passage, self._text = passage, passage.text
        self._budget = len(passage.text) + _WALK

    def at(self, position: int) -> Fence | None:
        """The block whose fence stands at `position`; None where the run of characters opens none."""
        run = self._run(position, 0)
        found = self._opened(run)
        if found is None:
            return None
        hint, start = found
        if start < 0:
            return self._one_line(run, hint)
        hint, start = self._word_below(hint, start)
        length = run.end - run.start
        closing, resumed, outer = self._closing(start, self._text[position], length, hint)
        if closing < 0:
            end = len(self._text)
            return Fence(hint, self._body(run, start, end), position, end, outer=False, closed=False)
        if self._is_stray(hint, start, closing, resumed):
            return None
        return Fence(hint, self._body(run, start, closing).closed(), position, resumed, outer)

    def _run(self, position: int, least: int) -> _Run:
        text, mark = self._text, self._text[position]
        end = position + 3
        while text[end : end + 1] == mark:
            end += 1
        line = text.rfind("\n", max(0, position - _LINE), position) + 1
        known = line or position <= _LINE
        before = text[max(line, least) : position] if known else "…"
        stop = text.find("\n", end, end + _LINE)
        line_end = stop if stop >= 0 else min(len(text), end + _LINE)
        return _Run(position, end, before, text[end:line_end], line_end)

    def _opened(self, run: _Run) -> tuple[Hint, int] | None:
        """The hint of an opening fence and where its code begins; -1 for a block in one line."""
        info = run.after.strip(BLANK)
        tilde = self._text[run.start] == "~"
        listed = _LIST_MARK.fullmatch(run.before.strip(BLANK.replace(" ", ""))) is not None
        if tilde and not listed:
            return None
        if "```" in info and not tilde:
            return (Hint(), -1) if info.count("```") == 1 else None
        if on_line := self._code_on_line(run):
            return on_line
        if "`" in info and not tilde:
            return None
        hint = hint_of_info(info)
        start = min(run.line_end + 1, len(self._text))
        if hint is None or (not run.after.endswith("\n") and run.line_end - run.end >= _LINE):
            return None
        if not run.at_start and not listed:
            known = is_word(hint.word) or bool(hint.name)
            if not known and (info or not begins_code(self._text, start)):
                return None
        return hint, start

    def _code_on_line(self, run: _Run) -> tuple[Hint, int] | None:
        blanks = len(run.after) - len(run.after.lstrip(BLANK))
        after = run.after[blanks:]
        found = _CODE_ON_LINE.match(after)
        if found and (not found[1] or is_word(found[1])):
            return Hint(found[1].lower()), run.end + blanks + found.end()
        word, _, rest = after.partition(" ")
        if is_word(word) and (MODULE.match(rest) or self._other_code(word.lower(), rest)):
            return Hint(word.lower()), run.end + blanks + len(word) + 1
        if MODULE.match(after) or self._other_code("", after):
            return Hint(), run.end + blanks
        return None

    def _other_code(self, word: str, rest: str) -> bool:
        """Whether a style sheet or a statement begins on the fence's line."""
        language = Hint(word).language
        if (language is None or language.role is Role.SHEET) and "{" in rest[1:]:
            return begins_css(f"{rest}\na:")
        called = re.compile(r"[\w$]+(?:\.[\w$]+)*\([^)]*[)'\"`]").match(rest)
        return (language is None or language.is_script) and called is not None

    def _one_line(self, run: _Run, hint: Hint) -> Fence | None:
        start = run.end
        closing = self._text.find("```", start, run.line_end)
        found = self._code_on_line(run)
        if found is None or closing < 0:
            return None
        hint, start = found
        end = closing + 3
        return Fence(hint, self._passage.part(start, closing).closed(), run.start, end, False)

    def _word_below(self, hint: Hint, start: int) -> tuple[Hint, int]:
        """The language that stands in the line after the fence."""
        stop = self._text.find("\n", start, start + 40)
        word = self._text[start:stop].strip(BLANK).lower() if stop >= 0 else ""
        if not hint.word and word and is_word(word):
            return Hint(word, hint.name), stop + 1
        return hint, start

    def _body(self, run: _Run, start: int, end: int) -> Passage:
        """The text between two fences; what the fence is indented by is taken from its lines."""
        body = self._passage.part(start, end)
        before = run.before.strip(INVISIBLE_ONLY)
        width = len(before) if _LIST_MARK.fullmatch(before) else 0
        less = re.compile(rf"^(?![ \t]{{{width}}})[ \t]*\S", re.MULTILINE)
        if not width or body.text.count("\n") > MAX_PIECES or less.search(body.text):
            return body
        return body.replaced(re.compile(rf"^[ \t]{{1,{width}}}", re.MULTILINE), lambda _: "")

    def _closing(self, start: int, mark: str, length: int, hint: Hint) -> tuple[int, int, bool]:
        """Where the code ends, where the text goes on, and whether another fence opens there; -1 without an end."""
        skipped = (-1, -1, False)
        literals = _Literals(self, start, hint)
        position = start
        # A document has an end of its own: a fence in its `<pre>` never stands for one that is missing.
        document = begins_document(self._text, start)
        while (position := self._text.find(mark * 3, position)) >= 0:
            run = self._run(position, start)
            found = self._closes(run, start, length)
            if found is not None and not literals.hold(position):
                # A fence that is too short ends the block all the same where the next one opens without a proper end.
                return skipped if found[2] and skipped[0] >= 0 and not self._holds_fences(hint) else found
            alone = run.at_start and not run.after.strip(BLANK)
            if skipped[0] < 0 and (alone if found is None else not document):
                skipped = found or (_line_start(run), run.line_end, False)
            position = run.end
        return skipped

    def _holds_fences(self, hint: Hint) -> bool:
        return is_text(hint.word)

    def _closes(self, run: _Run, start: int, length: int) -> tuple[int, int, bool] | None:
        """Where code ends at this run, if it can close the block or open the next."""
        size, rest = run.end - run.start, run.after.strip(BLANK)
        if run.at_start or not run.before.strip(BLANK + ">"):
            if not rest:
                return (_line_start(run), run.line_end, False) if size >= length else None
            if "`" in rest:
                return None
            hint = hint_of_info(rest)
            if hint is None:
                return (_line_start(run), run.end, False) if size >= length else None
            opens = (
                is_word(hint.word) or bool(hint.name) or (len(rest.split()) == 1 and rest.replace("-", "").isalpha())
            )
            return (_line_start(run), run.start, True) if opens and size >= length else None
        glued = self._text[run.start] == "`" and "```" not in run.before and size == 3
        # A line of a comment that holds an example is no line of code with a fence behind it.
        if not glued or run.start == start or not run.before.strip(BLANK + "*/#>|-"):
            return None
        if not rest:
            return run.start, run.line_end, False
        spoken = run.after[:1] in " \t" and hint_of_info(rest) is None and run.before.rstrip()[-1:] in tuple(">};)")
        return (run.start, run.end, False) if spoken else None

    def _is_stray(self, hint: Hint, start: int, closing: int, resumed: int) -> bool:
        """Whether a bare fence closes nothing, so that the next one opens the code: talk between, code behind."""
        if hint.word or hint.name or begins_code(self._text, start):
            return False
        talk = self._text[start:closing]
        return bool(talk.strip(BLANK)) and begins_code(self._text, min(resumed + 1, len(self._text)))

    def in_literal(self, position: int, start: int, hint: Hint) -> bool:
        """Whether `position` stands in a literal of the code that begins at `start`, where a fence is text."""
        return _Literals(self, start, hint).hold(position)

    def literals(self, start: int, hint: Hint) -> Iterator[tuple[int, int]]:
        """The stretches of a block in which a fence is text."""
        end = min(len(self._text), start + _WALK)
        self._budget -= end - start
        if self._budget < 0 or (is_text(hint.word) and hint.word):
            return iter(())
        language = hint.language
        script = (language is not None and language.is_script) or (
            (language is None or language.role is Role.DOCUMENT) and begins_module(self._text, start)
        )
        walk = template_spans if script else literal_spans
        return walk(self._text, start, end)


INVISIBLE_ONLY = "".join(sorted(set(BLANK) - set(" \t")))


def _line_start(run: _Run) -> int:
    return run.start - len(run.before)


class _Literals:
    """The literals of one block, walked through as far as is asked, and only if a fence may stand in one."""

    def __init__(self, fences: Fences, start: int, hint: Hint) -> None:
        self._fences, self._start, self._hint = fences, start, hint
        self._spans: Iterator[tuple[int, int]] | None = None
        self._span: tuple[int, int] | None = (-1, -1)

    def hold(self, position: int) -> bool:
        """Whether `position` lies in a literal."""
        if self._spans is None:
            if not self._suspicious(position):
                return False
            self._spans = self._fences.literals(self._start, self._hint)
        while self._span is not None and self._span[1] <= position:
            self._span = next(self._spans, None)
        return self._span is not None and self._span[0] < position

    def _suspicious(self, position: int) -> bool:
        """Whether something is open before the fence that may hold it: back quotes do not pair, or a tag like that."""
        text = self._fences._text
        ticks = text.count("`", self._start, position)
        return ticks % 2 == 1 or _OPENED.search(text, self._start, position) is not None


_OPENED = re.compile(r"<!--|<(?:textarea|pre|script|style|xmp|listing|code|template)\b", re.IGNORECASE)
