"""The way of one completion through this room: find the code, judge its syntax, read it, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from scorers.aggregation import Metrics, aggregate
from scorers.classes import count_classes
from scorers.colors import count_colors
from scorers.diversity import fingerprint, shape
from scorers.extraction import Extraction, Found, extract
from scorers.html_syntax import SyntaxIssue, Verdict, check_html
from scorers.jsx_page import read_jsx
from scorers.jsx_syntax import check_jsx
from scorers.page import Page, read_page
from scorers.position import Position
from scorers.sample import Completion, Issue, Language, Outcome, Sample

# Changes whenever the same completion may get other measurements.
VERSION = "1"

MAX_ERRORS = 20
# Far above what a page uses (hundreds); keeps a stored sample small whatever a model writes.
MAX_DISTINCT = 5_000

_NO_CODE = {
    Found.THINK_UNCLOSED: "the text ends inside a thought, before any code",
    Found.NONE: "there is no HTML or JSX in this text",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a set of completions: the metrics over all, and each sample in its order."""

    metrics: Metrics
    samples: tuple[Sample, ...]


def score(completions: Iterable[Completion]) -> Report:
    """Scores completions and aggregates them.

    >>> report = score([Completion("```html\\n<p class='p-4'>Hi</p>\\n```"), Completion("no")])
    >>> report.metrics["eval/syntax_validity_rate"], [sample.outcome.value for sample in report.samples]
    (0.5, ['valid', 'no_code'])
    """
    samples = tuple(score_sample(completion) for completion in completions)
    return Report(aggregate(samples), samples)


def score_sample(completion: Completion) -> Sample:
    """The measurements of one completion. Pure; takes any string, in time linear in its length, and never raises.

    >>> score_sample(Completion("<div>", language=Language.HTML)).errors[0].message
    '`<div>` opened here is never closed'
    >>> score_sample(Completion("```html\\n<div>", truncated=True)).outcome.value
    'truncated'
    """
    text = _clean(completion.text)
    if not text.strip():
        issue = Issue("empty", 1, 1, "there is no text")
        return Sample(completion.source, Outcome.EMPTY, errors=(issue,))
    extraction = extract(Completion(text, language=completion.language))
    if extraction.language is None:
        issue = Issue(Outcome.NO_CODE.value, 1, 1, _NO_CODE.get(extraction.found, _NO_CODE[Found.NONE]))
        return Sample(completion.source, Outcome.NO_CODE, errors=(issue,), extraction=extraction.found.value)
    html = extraction.language is Language.HTML
    verdict = check_html(extraction.code) if html else check_jsx(extraction.code)
    page = read_page(extraction.code) if html else read_jsx(extraction.code)
    outcome = _outcome(verdict, cut=completion.truncated and extraction.cut)
    return _sample(completion.source, text, extraction, outcome, verdict, page)


def _outcome(verdict: Verdict, *, cut: bool) -> Outcome:
    if cut:
        return Outcome.TRUNCATED
    return Outcome.VALID if verdict.valid else Outcome.INVALID


def _sample(source: str, text: str, extraction: Extraction, outcome: Outcome, verdict: Verdict, page: Page) -> Sample:
    classes = count_classes(page)
    colors = count_colors(page, classes)
    return Sample(
        source=source,
        outcome=outcome,
        language=extraction.language,
        errors=_errors(text, extraction, outcome, verdict.issues),
        extraction=extraction.found.value,
        soft_issues=verdict.soft,
        num_colors=colors.total(),
        num_classes=classes.utilities.total(),
        class_tokens=classes.tokens,
        colors=_most(colors),
        classes=_most(classes.utilities),
        shape=shape(page.tags),
        fingerprint=fingerprint(extraction.code),
    )


def _errors(text: str, extraction: Extraction, outcome: Outcome, issues: tuple[SyntaxIssue, ...]) -> tuple[Issue, ...]:
    """The issues, placed in the completion; where the token limit cut the code, that comes first."""
    origin = Position.of(text, extraction.offset)
    errors = [Issue(i.code, (at := i.position.inside(origin)).line, at.column, i.message) for i in issues]
    if outcome is Outcome.TRUNCATED:
        end = Position.of(text, extraction.offset + len(extraction.code))
        errors.insert(0, Issue("truncated", end.line, end.column, "the token limit cut the code off here"))
    return tuple(errors[:MAX_ERRORS])


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.most_common(MAX_DISTINCT)))


def _clean(text: str) -> str:
    """The text with `\\n` for every line end and `?` for lone surrogates: characters keep their line and column."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
