"""A validation file as conversations, and what was made of it in one sentence."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from watcher.engine.types import Asked, Conversation, PlainText, texts_of
from watcher.model import Reason, UimonError
from watcher.validation.choice import Choice
from watcher.validation.content import MEDIA_REASONS, Unusable, refuse_foreign
from watcher.validation.files import FileRow, read_table
from watcher.validation.rows import Chat, Line, Text
from watcher.validation.shapes import COLUMNS, recognize
from watcher.validation.template_variables import template_variables
from watcher.validation.turns import Turn, is_trained, roles_of, turn

_HELP: Final = (
    "each line is one JSON object with `messages`, `prompt`/`completion`, or another shape that trainers read; "
    "name your own columns with --val-keys"
)
_REASONS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ValFile:
    """The prompts of one file in file order.

    `unusable` counts the other lines; `summary` says in a sentence what was read, as what, and what was left out.
    `digest` is SHA-256 over the file's bytes.
    """

    path: Path
    conversations: tuple[Asked, ...]
    unusable: int
    digest: str
    summary: str = ""


def load_val(path: Path, system: str | None = None, choice: Choice | None = None) -> ValFile:
    """Read a validation file.

    Args:
        path: The file: JSON lines, a JSON array, CSV, TSV or parquet; it may be compressed.
        system: A system message for conversations that have none of their own. None: they stay as they are.
        choice: What the user said of the file. None: each row's columns say what it is.

    Returns:
        What each usable row asks, in the file's order, and a summary of what was read and left out.

    Raises:
        UimonError: VAL_MISSING without the file. VAL_INVALID if it is empty, a line cannot be read (the sentence names
            it), or no row has a column that was named. NO_USABLE_PROMPT if no row can be used, with the reasons.
    """
    choice = choice or Choice()
    table = read_table(path, COLUMNS.union(choice.columns.values()))
    choice.require_columns(path, [row.value for row in table.rows])
    found = _Found(table.unit, notes=dict.fromkeys(table.notes))
    for row in table.rows:
        found.take(row, system, choice)
    if not found.asked:
        said = found.unusable_said() or "it has no rows"
        media = found.reasons and found.reasons.keys() <= MEDIA_REASONS
        help_ = "uimon evaluates text models" if media else _HELP
        raise UimonError(Reason.NO_USABLE_PROMPT, f"No {table.unit} of {path} can be used: {said}; {help_}.")
    return ValFile(path, tuple(_named(found.asked)), found.unusable, table.digest, found.said(path))


@dataclass
class _Found:
    """What was found so far; reasons, shapes and columns in the order in which they were first met."""

    unit: str
    asked: list[Asked] = field(default_factory=list)
    shapes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    untrained: int = 0
    unanswered: int = 0
    unsystematic: int = 0

    @property
    def unusable(self) -> int:
        return sum(self.reasons.values())

    def take(self, row: FileRow, system: str | None, choice: Choice) -> None:
        """Add one row, or the reason why it is unusable."""
        try:
            value, way = choice.renamed(row.value)
            line = recognize(value, way, choice.shape)
            asked, columns = _asked(value, line, system)
        except Unusable as reason:
            self.reasons[str(reason)] += 1
            self.first.setdefault(str(reason), row.place)
            return
        self.asked.append(asked)
        self.shapes[line.shape] += 1
        self.notes |= dict.fromkeys(line.notes)
        self.left_out |= dict.fromkeys(choice.left_out(row.value, line.used | columns))
        self.unsystematic += system is not None and isinstance(asked, PlainText)
        bare = (asked.text if isinstance(asked, PlainText) else asked.reference) is None
        self.untrained += bare and _had_answer(line)
        self.unanswered += bare and not _had_answer(line)

    def unusable_said(self) -> str:
        """The unusable lines by reason, e.g. `2 lines unusable: 2 with images (first line 7)`."""
        if not self.reasons:
            return ""
        shown = self.reasons.most_common(_REASONS_SHOWN)
        each = [f"{n} {why} (first {self.unit} {self.first[why]})" for why, n in shown]
        if others := self.unusable - sum(n for _, n in shown):
            each.append(f"{others} for other reasons")
        return f"{_count(self.unusable, self.unit)} unusable: {', '.join(each)}"

    def said(self, path: Path) -> str:
        """One sentence on the file."""
        count = _count(len(self.asked), "prompt")
        if len(self.shapes) == 1:
            read = f"read as {next(iter(self.shapes))}"
        else:
            read = "read in several shapes: " + ", ".join(f"{n} as {shape}" for shape, n in self.shapes.most_common())
        rest = [f"columns left out: {', '.join(self.left_out)}"] if self.left_out else []
        rest += [", ".join(self.notes)] if self.notes else []
        if self.unsystematic:
            rest.append(f"{_count(self.unsystematic, 'prompt')} of plain text, without the system message")
        if self.untrained:
            rest.append(f"{_count(self.untrained, 'answer')} no reference (empty, or marked as not to be learned)")
        if self.unanswered:
            rest.append(f"{_count(self.unanswered, 'prompt')} without a reference answer")
        rest += [said] if (said := self.unusable_said()) else []
        return "; ".join([f"{path}: {count}, {read}", *rest]) + "."


def _count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> _count(1, "line"), _count(2, "entry")
    ('1 line', '2 entries')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def _had_answer(line: Line) -> bool:
    content = line.content
    if isinstance(content, Chat):
        return content.naming.answers(str(content.turns[-1]["role"]))
    return content.text is None and "KTO" in line.shape


def _asked(row: Mapping[str, object], line: Line, system: str | None) -> tuple[Asked, frozenset[str]]:
    """The row without its id, and the columns that were used beside the shape's. Raises Unusable."""
    if isinstance(line.content, Text):
        return _plain(line.content), frozenset()
    variables, used = template_variables({**row, **line.variables})
    return _conversation(line.content, variables, system), used


def _plain(content: Text) -> PlainText:
    refuse_foreign((content.prompt, content.text))
    if content.prompt is not None and not content.prompt.strip():
        raise Unusable("without a prompt")
    return PlainText("", content.prompt, content.text, content.masked)


def _conversation(content: Chat, variables: Mapping[str, object], system: str | None) -> Conversation:
    """Split off the reference: the last turn, where it is the assistant's. Raises Unusable."""
    refuse_foreign((content.turns, variables))
    turns, naming = list(content.turns), content.naming
    if turns and not naming.knows(last := str(turns[-1]["role"])):
        # Its answer would stand in the prompt.
        proposed = f"--val-keys role.assistant={last} reads it as the assistant"
        raise Unusable(f"with the unknown role {last} at the end (roles: {roles_of(turns)}; {proposed})")
    reference = turns.pop() if turns and naming.answers(str(turns[-1]["role"])) else None
    asking = ("user",) if reference is None else ("user", "system")
    if not any(naming.meaning(str(turn["role"])) in asking and _said(turn) for turn in turns):
        raise Unusable(_without_question(content))
    if reference is not None and not (content.answered and is_trained(reference) and _says(reference)):
        reference = None
    if system is not None and turns[0]["role"] != "system":
        turns.insert(0, turn("system", system))
    return Conversation("", tuple(turns), reference, variables)


def _without_question(content: Chat) -> str:
    """Why nothing is asked in a conversation: it has no question, or holds its text where nobody looks for it."""
    asking = [turn for turn in content.turns if content.naming.meaning(str(turn["role"])) == "user"]
    if asking and "content" not in asking[-1]:
        keys = ", ".join(map(str, asking[-1]))
        return f"with a user turn without content (keys: {keys}; --val-keys content=KEY names the one with the text)"
    return f"without a user turn before the answer (roles: {roles_of(content.turns)})"


def _said(turn: Turn) -> bool:
    return any(text.strip() for text in texts_of(turn.get("content")))


def _says(turn: Turn) -> bool:
    """Whether there is anything in an answer that a template could write."""
    told = any(turn.get(key) for key in ("tool_calls", "reasoning_content", "reasoning", "thinking"))
    return told or any(texts_of(turn.get("content")))


def _named(found: Iterable[Asked]) -> Iterable[Asked]:
    """With ids made of the prompts' content, so that they survive reordering the file."""
    seen: Counter[str] = Counter()
    for asked in found:
        content = hashlib.sha256(json.dumps(_identity(asked)).encode()).hexdigest()[:12]
        seen[content] += 1
        yield replace(asked, id=content if seen[content] == 1 else f"{content}-{seen[content]}")


def _identity(asked: Asked) -> Sequence[object]:
    if isinstance(asked, PlainText):
        return [asked.prompt, asked.text if asked.prompt is None else None]
    if not asked.variables and all(message.keys() == {"role", "content"} for message in asked.messages):
        return [[message["role"], message["content"]] for message in asked.messages]
    return [list(asked.messages), dict(asked.variables)]
