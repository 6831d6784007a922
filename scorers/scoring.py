"""The way of one completion through this room: find the code, judge its syntax, read it, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b

from scorers.extraction import AnswerShape, Extraction, extract
from scorers.language import LANGUAGES, LanguageSupport, Role
from scorers.measures.classes import count_classes
from scorers.measures.colors import count_colors
from scorers.measures.lightness import lightness_of
from scorers.measures.repetition import ends_in_loop
from scorers.metrics.aggregation import MetricValues, aggregate
from scorers.metrics.similarity import fingerprint, shape, word_grams
from scorers.page import Page, make_page
from scorers.plugins.loader import Plugin
from scorers.position import Lines, Position
from scorers.sample import Completion, Issue, Outcome, Sample
from scorers.source import SourceFile
from scorers.tailwind.theme import Theme
from scorers.tailwind.utility import MAX_NAME_LENGTH
from scorers.verdict import SyntaxVerdict, as_script_errors

# Changes whenever the same completion may get other measurements.
VERSION = "4"

MAX_ERRORS = 20
# Far above what a page uses (hundreds); keeps a stored sample small whatever a model writes.
MAX_DISTINCT = 5_000
# How much of a long class name (one with a picture in it) is stored, before the digest of the whole.
_SHOWN_NAME = 80
# Completions handed to a process at once: few enough to keep all busy to the end, many enough to hide the way there.
_CHUNK = 16

_NO_CODE = {
    AnswerShape.THINK_UNCLOSED: (
        "the text ends inside a thought, before any code; allow more tokens or ask for less thinking"
    ),
    AnswerShape.EDIT_UNAPPLIED: "this edit changes a file that the answer does not hold, so there is no page to score",
    AnswerShape.JSON_BROKEN: "the JSON around the code does not parse, so that nobody can take the code out of it",
    AnswerShape.OTHER_CODE: "all code in this text is commands, data or another language, and none is HTML or JSX",
    AnswerShape.BINARY: "this is no text but binary data",
    AnswerShape.NONE: "there is no HTML or JSX in this text",
    AnswerShape.EMPTY: "there is nothing but invisible characters",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a set of completions: the metrics over all, each sample in its order, and a sentence for each
    plug-in that failed."""

    metrics: MetricValues
    samples: tuple[Sample, ...]
    failures: tuple[str, ...] = ()


def score(
    completions: Iterable[Completion],
    plugins: Sequence[Plugin] = (),
    workers: int = 1,
    *,
    theme: Theme | None = None,
) -> Report:
    """Scores completions and aggregates them.

    Args:
        completions: What a model wrote, one for each answer; several answers to one prompt share its `prompt`.
        plugins: Further scorers, as `load_plugins` gives them.
        workers: In how many processes completions are scored; they are forked from this one.
        theme: What the pages are written against, as `given_theme` gives it; None for Tailwind's own alone.

    Returns:
        The metrics over all completions, and a sample for each, in their order.

    Raises:
        KeyError: A completion is in a language that nobody registered.
        concurrent.futures.process.BrokenProcessPool: One of several processes died.

    >>> report = score([Completion("```html\\n<p class='p-4'>Hi</p>\\n```"), Completion("no")])
    >>> report.metrics["eval/syntax_validity_rate"], [sample.outcome.value for sample in report.samples]
    (0.5, ['valid', 'no_code'])
    """
    if workers > 1:
        samples = _score_in_processes(completions, plugins, workers, theme)
    else:
        samples = tuple(score_sample(completion, plugins, theme=theme) for completion in completions)
    return report(samples, plugins)


def report(samples: Sequence[Sample], plugins: Sequence[Plugin] = ()) -> Report:
    """The report on samples that were scored before.

    Args:
        samples: Fresh ones, or stored ones as `Sample.from_dict` reads them.
        plugins: The scorers whose measurements the samples hold in `extras`, to aggregate these as well.

    Returns:
        The metrics of `aggregate` and those of the plug-ins. A plug-in that fails costs no other metric: what went
        wrong is in `failures`.
    """
    metrics = aggregate(samples)
    failures: list[str] = []
    for plugin in plugins:
        found, failure = plugin.aggregated(samples)
        metrics |= found
        failures += [failure] if failure else []
    return Report(metrics, tuple(samples), tuple(failures))


def versions(plugins: Sequence[Plugin] = (), theme: Theme | None = None) -> str:
    """Under what definitions samples are scored: samples of different ones are not comparable.

    Args:
        plugins: The scorers in use, in any order.
        theme: The given theme, if there is one.

    Returns:
        `VERSION`, the theme's and each plug-in's identity, in one line.

    >>> versions() == VERSION
    True
    """
    themes = () if theme is None else (f"theme {theme.identity}",)
    return "; ".join((VERSION, *themes, *sorted(plugin.identity for plugin in plugins)))


def score_sample(completion: Completion, plugins: Sequence[Plugin] = (), *, theme: Theme | None = None) -> Sample:
    """The measurements of one completion. Pure; takes any text, in time linear in its length.

    Args:
        completion: What a model wrote.
        plugins: Further scorers; what each of them measures, or its error, goes into `extras` by its name.
        theme: What the page is written against; what it defines itself goes before that.

    Returns:
        The sample: its outcome, its errors with their places, and what its page holds.

    Raises:
        KeyError: The completion, or one of its files, is in a language that nobody registered. No text raises.

    >>> score_sample(Completion("<div>", language="html")).errors[0].message
    '`<div>` opened here is never closed'
    >>> score_sample(Completion("```html\\n<div>", truncated=True)).outcome.value
    'truncated'
    """
    text = _clean(completion.text)
    ends = [file.code for file in completion.files] or [text]
    loops = any(ends_in_loop(end, truncated=completion.truncated) for end in ends)
    sample = _score(completion, text, theme, partial(Sample, completion.source, prompt=completion.prompt, loops=loops))
    if not plugins:
        return sample
    return replace(sample, extras={plugin.name: plugin.measured(completion, sample) for plugin in plugins})


def _score_in_processes(
    completions: Iterable[Completion], plugins: Sequence[Plugin], workers: int, theme: Theme | None
) -> tuple[Sample, ...]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Forked, because a plug-in that came from a file cannot be sent to a process that starts anew.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, _take, (plugins, theme)) as pool:
        return tuple(pool.map(_score_one, completions, chunksize=_CHUNK))


_process_plugins: Sequence[Plugin] = ()
_process_theme: Theme | None = None


def _take(plugins: Sequence[Plugin], theme: Theme | None) -> None:
    global _process_plugins, _process_theme
    _process_plugins, _process_theme = plugins, theme


def _score_one(completion: Completion) -> Sample:
    return score_sample(completion, _process_plugins, theme=_process_theme)


def _score(completion: Completion, text: str, theme: Theme | None, sample: Callable[..., Sample]) -> Sample:
    if not text.strip():
        issue = Issue("empty", 1, 1, "there is no text")
        return sample(Outcome.EMPTY, errors=(issue,), extraction=AnswerShape.EMPTY.value)
    given = tuple(SourceFile(_clean(file.code), file.language, name=file.name) for file in completion.files)
    extraction = Extraction(AnswerShape.FILE, given) if given else extract(_with(completion, text))
    if not extraction.files:
        issue = Issue(Outcome.NO_CODE.value, 1, 1, _NO_CODE[extraction.found])
        return sample(Outcome.NO_CODE, errors=(issue,), extraction=extraction.found.value)
    readings = [LANGUAGES[file.language].read(file.code) for file in extraction.files]
    if unread := next((reading.unread for reading in readings if reading.unread), ""):
        issue = Issue(Outcome.NO_CODE.value, 1, 1, unread)
        return sample(Outcome.NO_CODE, errors=(issue,), extraction=AnswerShape.UNSUPPORTED.value)
    main = LANGUAGES[extraction.files[0].language]
    verdicts = [_beside(main, file, r.verdict) for file, r in zip(extraction.files, readings, strict=True)]
    cut = completion.truncated and extraction.cut
    page = make_page([reading.contents for reading in readings], theme)
    return _sample(sample, None if given else text, extraction, cut, verdicts, page)


def _with(completion: Completion, text: str) -> Completion:
    return completion if text == completion.text else replace(completion, text=text)


def _beside(main: LanguageSupport, file: SourceFile, verdict: SyntaxVerdict) -> SyntaxVerdict:
    """The verdict on a file of an answer: a script beside an HTML page is one of the page's scripts."""
    if main.role is not Role.DOCUMENT or LANGUAGES[file.language].role is not Role.SCRIPT:
        return verdict
    return replace(verdict, issues=(), scripts=1, script_errors=as_script_errors(verdict.issues))


def _sample(
    sample: Callable[..., Sample],
    text: str | None,
    extraction: Extraction,
    cut: bool,
    verdicts: Sequence[SyntaxVerdict],
    page: Page,
) -> Sample:
    valid = Outcome.VALID if all(verdict.valid for verdict in verdicts) else Outcome.INVALID
    classes = count_classes(page)
    colors = count_colors(page, classes)
    code = "\n".join(file.code for file in extraction.files)
    words, grams = word_grams(code)
    return sample(
        outcome=Outcome.TRUNCATED if cut else valid,
        language=extraction.files[0].language,
        errors=_errors(text, extraction, cut, verdicts),
        extraction=extraction.found.value,
        soft_issues=sum(verdict.soft for verdict in verdicts),
        num_colors=colors.tokens.total(),
        num_classes=classes.utilities.total(),
        class_tokens=classes.tokens,
        dead_classes=classes.dead.total(),
        judged_classes=classes.judged,
        colors=_most(colors.tokens),
        classes=_most(_storable(classes.utilities)),
        shape=shape(page.tags),
        fingerprint=fingerprint(code),
        words=words,
        grams=grams,
        hues=_most(colors.hues),
        unresolved_colors=colors.unresolved,
        lightness=lightness_of(page),
        files=len(extraction.files),
        script_errors=_script_errors(verdicts),
        early_errors=_early_errors(verdicts),
    )


def _script_errors(verdicts: Sequence[SyntaxVerdict]) -> int | None:
    return sum(len(v.script_errors) for v in verdicts) if any(v.scripts for v in verdicts) else None


def _early_errors(verdicts: Sequence[SyntaxVerdict]) -> int | None:
    found = [verdict.early_errors for verdict in verdicts if verdict.early_errors is not None]
    return sum(map(len, found)) if found else None


def _errors(
    text: str | None, extraction: Extraction, cut: bool, verdicts: Sequence[SyntaxVerdict]
) -> tuple[Issue, ...]:
    """The issues, placed in the completion, or without a text in their files; where the token limit cut the code, that
    comes first.
    """
    whole = None if text is None else Lines(text)
    errors: list[Issue] = []
    for file, verdict in zip(extraction.files, verdicts, strict=True):
        inside = Lines(file.code)
        lines = whole or inside
        place = partial(_place_of, file, inside, lines)
        for issue in (*verdict.issues, *verdict.script_errors, *(verdict.early_errors or ())):
            moved = issue.moved(place)
            at = moved.position
            errors.append(Issue(moved.code, at.line, at.column, moved.message, file.name))
        if cut and file.cut:
            end = lines.position(file.places(len(file.code)))
            errors.insert(
                0, Issue("truncated", end.line, end.column, "the token limit cut the code off here", file.name)
            )
    return tuple(errors[:MAX_ERRORS])


def _place_of(file: SourceFile, inside: Lines, lines: Lines, place: Position) -> Position:
    """Where a place in a file's code lies in the text that `lines` are of."""
    return lines.position(file.places(inside.offset(place)))


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items() if len(counts) <= MAX_DISTINCT else counts.most_common(MAX_DISTINCT)))


def _storable(names: Counter[str]) -> Counter[str]:
    """Class names, each of a length that can be stored; long ones stay as different as they are."""
    if all(len(name) <= MAX_NAME_LENGTH for name in names):
        return names
    found: Counter[str] = Counter()
    for name, count in names.items():
        short = len(name) <= MAX_NAME_LENGTH
        found[name if short else f"{name[:_SHOWN_NAME]}…{blake2b(name.encode(), digest_size=8).hexdigest()}"] += count
    return found


def _clean(text: str) -> str:
    """The text with `\\n` for every line end and `?` for lone surrogates: characters keep their line and column."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
