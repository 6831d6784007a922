"""The words of this room: a completion that comes in, and the sample (the measurements of one completion) that leaves.

Everything here is a frozen value without behavior beyond its JSON form, because a ledger stores samples and computes
metrics from them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scorers.language import LANGUAGES


class SampleError(ValueError):
    """A stored sample cannot be read back: the text names the field."""


class Language(StrEnum):
    """The names of the languages that are read. JSX and TSX go through the same parser. The last three stand beside a
    page, and are none themselves."""

    HTML = "html"
    JSX = "jsx"
    TSX = "tsx"
    VUE = "vue"
    SVELTE = "svelte"
    ASTRO = "astro"
    JS = "js"
    TS = "ts"
    CSS = "css"


LIGHT, DARK = "light", "dark"
"""What `Sample.lightness` may be where it is known."""


class Outcome(StrEnum):
    """What became of one completion; each has exactly one, so that outcomes sum to the number of samples.

    `TRUNCATED`: the generator stopped at its token limit before the code ended. A page that the model itself left
    unclosed is `INVALID`; a closed page followed by talk that was cut is judged by the page alone. `NO_CODE`: there is
    text but no HTML or JSX in it. `EMPTY`: nothing but blanks.
    """

    VALID = "valid"
    INVALID = "invalid"
    TRUNCATED = "truncated"
    NO_CODE = "no_code"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One file of a project: its path in it, its text and the name of the language that it is written in."""

    name: str
    code: str
    language: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote.

    Attributes:
        text: The whole answer, any string.
        truncated: Whether the token limit cut it: the generator's `finish_reason` was `length`.
        source: What a reader calls it: a file, a line of a file.
        language: Where the text itself is code, as of an `.html` file, the name of its language in
            `scorers.language.LANGUAGES`; None where the code has to be found in the text first.
        prompt: What identifies the prompt, the same for all completions of one: they resemble each other, and intervals
            have to know. Empty for a prompt of its own.
        files: What is read of an answer that is a project on disk, the page first. Errors are placed in them, and
            `text` is then for plug-ins alone.
    """

    text: str
    truncated: bool = False
    source: str = ""
    language: str | None = None
    prompt: str = ""
    files: tuple[CodeFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """One reason why code does not parse. `line` and `column` count from 1 in the completion, in characters; `file` is
    the name that the answer gives the file, empty where it gives none."""

    code: str
    line: int
    column: int
    message: str
    file: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people: the file, where the answer names it, line and column.

        >>> Issue("x", 3, 7, "m", "app/page.tsx").place, Issue("x", 3, 7, "m").place
        ('app/page.tsx:3:7', '3:7')
        """
        return f"{self.file}:{self.line}:{self.column}" if self.file else f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Sample:
    """The measurements of one completion.

    `num_colors` and `num_classes` count occurrences: of color tokens (the sum of `colors`), of Tailwind utilities (the
    sum of `classes`). `class_tokens` counts every class name, utility or not; `dead_classes` those, of `judged_classes`
    that were looked at, which neither Tailwind nor anything on the page knows. `colors` maps a color token
    (`blue-500`, `white`) and `classes` a utility, as written with its variants, to its occurrences;
    both are sorted pairs. `shape` holds the smallest hashes of the page's 5-grams of tags, `grams` those of the code's
    4-grams of words, each at most 256, and `fingerprint` identifies the code up to white space; all are empty without
    code. `words` counts the 4-grams. `soft_issues` counts what HTML forgives. `loops` says whether the text ends in a
    repetition loop; None in samples that were stored before that was looked at. `extras` holds what plug-ins
    measured, by their names.

    `hues` maps a hue bin to the occurrences of colors in it; None in samples that were stored before colors got a hue
    of their own, whose hue is that of their token. `unresolved_colors` counts occurrences of theme names whose color is
    defined elsewhere: they are in neither `colors` nor `hues`. `lightness` is `light` or `dark`, as the page's main
    background is, and empty where that is not known. `files` counts the files of the answer that were read.
    `script_errors` counts why scripts do not parse, and is None where the page has no script; `early_errors` counts
    what every bundler refuses of code that parses, and is None where there is no script or JSX to look at.
    """

    source: str
    outcome: Outcome
    language: str | None = None
    errors: tuple[Issue, ...] = ()
    extraction: str = ""
    soft_issues: int = 0
    num_colors: int = 0
    num_classes: int = 0
    class_tokens: int = 0
    colors: tuple[tuple[str, int], ...] = ()
    classes: tuple[tuple[str, int], ...] = ()
    shape: tuple[int, ...] = ()
    fingerprint: str = ""
    prompt: str = ""
    words: int = 0
    grams: tuple[int, ...] = ()
    loops: bool | None = None
    dead_classes: int = 0
    judged_classes: int = 0
    extras: Mapping[str, Any] = field(default_factory=dict, hash=False)
    hues: tuple[tuple[str, int], ...] | None = None
    unresolved_colors: int = 0
    lightness: str = ""
    files: int = 1
    script_errors: int | None = None
    early_errors: int | None = None

    @property
    def syntax_valid(self) -> bool:
        """True for `Outcome.VALID` alone: nothing else counts as valid."""
        return self.outcome is Outcome.VALID

    def to_dict(self) -> dict[str, Any]:
        """The sample in plain values.

        Returns:
            What `json.dumps` takes, and `from_dict` reads back to an equal sample.

        >>> sample = Sample("a.html", Outcome.VALID, Language.HTML, colors=(("red-500", 2),), num_colors=2)
        >>> Sample.from_dict(sample.to_dict()) == sample
        True
        """
        return {
            "source": self.source,
            "outcome": self.outcome.value,
            "language": None if self.language is None else str(self.language),
            "errors": [[e.code, e.line, e.column, e.message, *([e.file] if e.file else [])] for e in self.errors],
            "extraction": self.extraction,
            "soft_issues": self.soft_issues,
            "num_colors": self.num_colors,
            "num_classes": self.num_classes,
            "class_tokens": self.class_tokens,
            "colors": dict(self.colors),
            "classes": dict(self.classes),
            "shape": list(self.shape),
            "fingerprint": self.fingerprint,
            "prompt": self.prompt,
            "words": self.words,
            "grams": list(self.grams),
            "loops": self.loops,
            "dead_classes": self.dead_classes,
            "judged_classes": self.judged_classes,
            "extras": dict(self.extras),
            "hues": None if self.hues is None else dict(self.hues),
            "unresolved_colors": self.unresolved_colors,
            "lightness": self.lightness,
            "files": self.files,
            "script_errors": self.script_errors,
            "early_errors": self.early_errors,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Sample:
        """Reads a stored sample.

        Args:
            stored: What `to_dict` wrote, also before the fields from `prompt` on were there.

        Returns:
            The sample; fields that were not there have their defaults.

        Raises:
            SampleError: A field is missing or has another form; the text names it.
        """
        try:
            return cls(
                source=str(stored["source"]),
                outcome=Outcome(stored["outcome"]),
                language=None if stored["language"] is None else LANGUAGES[stored["language"]].name,
                errors=tuple(_issue(entry) for entry in stored["errors"]),
                extraction=str(stored["extraction"]),
                soft_issues=int(stored["soft_issues"]),
                num_colors=int(stored["num_colors"]),
                num_classes=int(stored["num_classes"]),
                class_tokens=int(stored["class_tokens"]),
                colors=_pairs(stored["colors"]),
                classes=_pairs(stored["classes"]),
                shape=tuple(int(value) for value in stored["shape"]),
                fingerprint=str(stored["fingerprint"]),
                prompt=str(stored.get("prompt", "")),
                words=int(stored.get("words", 0)),
                grams=tuple(int(value) for value in stored.get("grams", ())),
                loops=None if stored.get("loops") is None else bool(stored["loops"]),
                dead_classes=int(stored.get("dead_classes", 0)),
                judged_classes=int(stored.get("judged_classes", 0)),
                extras=dict(stored.get("extras", {})),
                hues=None if stored.get("hues") is None else _pairs(stored["hues"]),
                unresolved_colors=int(stored.get("unresolved_colors", 0)),
                lightness=str(stored.get("lightness", "")),
                files=int(stored.get("files", 1)),
                script_errors=_count(stored.get("script_errors")),
                early_errors=_count(stored.get("early_errors")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SampleError(f"A stored sample cannot be read back: {error!r}; score its completion again.") from error


def _issue(entry: Sequence[Any]) -> Issue:
    code, line, column, message, *file = entry
    return Issue(str(code), int(line), int(column), str(message), *map(str, file))


def _count(stored: Any) -> int | None:
    return None if stored is None else int(stored)


def _pairs(counts: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((str(name), int(count)) for name, count in counts.items()))
