"""The way of one completion through this room: find the code, judge its syntax, read it, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from scorers.extraction import Extraction, Found, extract
from scorers.language import READERS
from scorers.measures.classes import count_classes
from scorers.measures.colors import count_colors
from scorers.metrics.aggregation import Metrics, aggregate
from scorers.metrics.likeness import ends_in_loop, fingerprint, shape, word_grams
from scorers.page import Page, make_page
from scorers.plugins.loader import Plugin
from scorers.position import Lines
from scorers.sample import Completion, Issue, Language, Outcome, Sample
from scorers.source import SourceFile
from scorers.tailwind.utility import MAX_NAME_LENGTH
from scorers.verdict import Verdict, as_script_errors

# Changes whenever the same completion may get other measurements.
VERSION = "3"

MAX_ERRORS = 20
# Far above what a page uses (hundreds); keeps a stored sample small whatever a model writes.
MAX_DISTINCT = 5_000
# How much of a long class name (one with a picture in it) is stored, before the digest of the whole.
_SHOWN_NAME = 80
# Completions handed to a process at once: few enough to keep all busy to the end, many enough to hide the way there.
_CHUNK = 16

_NO_CODE = {
    Found.THINK_UNCLOSED: "the text ends inside a thought, before any code",
    Found.UNSUPPORTED: "this is a Vue or Svelte component, which cannot be scored yet",
    Found.NONE: "there is no HTML or JSX in this text",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a set of completions: the metrics over all, each sample in its order, and a sentence for each
    plug-in that failed."""

    metrics: Metrics
    samples: tuple[Sample, ...]
    failures: tuple[str, ...] = ()


def score(completions: Iterable[Completion], plugins: Sequence[Plugin] = (), workers: int = 1) -> Report:
    """Scores completions and aggregates them, with `workers` above 1 in as many processes.

    >>> report = score([Completion("```html\\n<p class='p-4'>Hi</p>\\n```"), Completion("no")])
    >>> report.metrics["eval/syntax_validity_rate"], [sample.outcome.value for sample in report.samples]
    (0.5, ['valid', 'no_code'])
    """
    if workers > 1:
        samples = _score_in_processes(completions, plugins, workers)
    else:
        samples = tuple(score_sample(completion, plugins) for completion in completions)
    return report(samples, plugins)


def report(samples: Sequence[Sample], plugins: Sequence[Plugin] = ()) -> Report:
    """The report on samples that were scored with these plug-ins."""
    metrics = aggregate(samples)
    failures: list[str] = []
    for plugin in plugins:
        found, failure = plugin.aggregated(samples)
        metrics |= found
        failures += [failure] if failure else []
    return Report(metrics, tuple(samples), tuple(failures))


def versions(plugins: Sequence[Plugin] = ()) -> str:
    """Under what definitions samples are scored: `VERSION`, and each plug-in's identity.

    >>> versions() == VERSION
    True
    """
    return "; ".join((VERSION, *sorted(plugin.identity for plugin in plugins)))


def score_sample(completion: Completion, plugins: Sequence[Plugin] = ()) -> Sample:
    """The measurements of one completion. Pure; takes any string, in time linear in its length, and never raises.

    >>> score_sample(Completion("<div>", language=Language.HTML)).errors[0].message
    '`<div>` opened here is never closed'
    >>> score_sample(Completion("```html\\n<div>", truncated=True)).outcome.value
    'truncated'
    """
    text = _clean(completion.text)
    sample = replace(_score(completion, text), prompt=completion.prompt, loops=ends_in_loop(text))
    if not plugins:
        return sample
    return replace(sample, extras={plugin.name: plugin.measured(completion, sample) for plugin in plugins})


def _score_in_processes(
    completions: Iterable[Completion], plugins: Sequence[Plugin], workers: int
) -> tuple[Sample, ...]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Forked, because a plug-in that came from a file cannot be sent to a process that starts anew.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, _take_plugins, (plugins,)) as pool:
        return tuple(pool.map(_score_one, completions, chunksize=_CHUNK))


_process_plugins: Sequence[Plugin] = ()


def _take_plugins(plugins: Sequence[Plugin]) -> None:
    global _process_plugins
    _process_plugins = plugins


def _score_one(completion: Completion) -> Sample:
    return score_sample(completion, _process_plugins)


def _score(completion: Completion, text: str) -> Sample:
    if not text.strip():
        issue = Issue("empty", 1, 1, "there is no text")
        return Sample(completion.source, Outcome.EMPTY, errors=(issue,))
    extraction = extract(Completion(text, language=completion.language))
    if not extraction.files:
        issue = Issue(Outcome.NO_CODE.value, 1, 1, _NO_CODE.get(extraction.found, _NO_CODE[Found.NONE]))
        return Sample(completion.source, Outcome.NO_CODE, errors=(issue,), extraction=extraction.found.value)
    readings = [READERS[file.language](file.code) for file in extraction.files]
    main = extraction.files[0].language
    verdicts = [_beside(main, file, r.verdict) for file, r in zip(extraction.files, readings, strict=True)]
    cut = completion.truncated and extraction.cut
    page = make_page([reading.contents for reading in readings])
    return _sample(completion.source, text, extraction, cut, verdicts, page)


def _beside(main: Language, file: SourceFile, verdict: Verdict) -> Verdict:
    """The verdict on a file of an answer: a script beside an HTML page is one of the page's scripts."""
    if main is not Language.HTML or file.language not in (Language.JS, Language.TS):
        return verdict
    return replace(verdict, issues=(), scripts=1, script_errors=as_script_errors(verdict.issues))


def _sample(
    source: str, text: str, extraction: Extraction, cut: bool, verdicts: Sequence[Verdict], page: Page
) -> Sample:
    valid = Outcome.VALID if all(verdict.valid for verdict in verdicts) else Outcome.INVALID
    classes = count_classes(page)
    colors = count_colors(page, classes)
    code = "\n".join(file.code for file in extraction.files)
    words, grams = word_grams(code)
    return Sample(
        source=source,
        outcome=Outcome.TRUNCATED if cut else valid,
        language=extraction.files[0].language,
        errors=_errors(text, extraction, cut, verdicts),
        extraction=extraction.found.value,
        soft_issues=sum(verdict.soft for verdict in verdicts),
        num_colors=colors.total(),
        num_classes=classes.utilities.total(),
        class_tokens=classes.tokens,
        dead_classes=classes.dead.total(),
        judged_classes=classes.judged,
        colors=_most(colors),
        classes=_most(_storable(classes.utilities)),
        shape=shape(page.tags),
        fingerprint=fingerprint(code),
        words=words,
        grams=grams,
        files=len(extraction.files),
        script_errors=_script_errors(verdicts),
        early_errors=_early_errors(verdicts),
    )


def _script_errors(verdicts: Sequence[Verdict]) -> int | None:
    return sum(len(v.script_errors) for v in verdicts) if any(v.scripts for v in verdicts) else None


def _early_errors(verdicts: Sequence[Verdict]) -> int | None:
    found = [verdict.early_errors for verdict in verdicts if verdict.early_errors is not None]
    return sum(map(len, found)) if found else None


def _errors(text: str, extraction: Extraction, cut: bool, verdicts: Sequence[Verdict]) -> tuple[Issue, ...]:
    """The issues, placed in the completion; where the token limit cut the code, that comes first."""
    lines = Lines(text)
    errors: list[Issue] = []
    for file, verdict in zip(extraction.files, verdicts, strict=True):
        inside = Lines(file.code)
        for issue in (*verdict.issues, *verdict.script_errors, *(verdict.early_errors or ())):
            at = lines.position(file.places(inside.offset(issue.position)))
            errors.append(Issue(issue.code, at.line, at.column, issue.message, file.name))
        if cut and file.cut:
            end = lines.position(file.places(len(file.code)))
            errors.insert(
                0, Issue("truncated", end.line, end.column, "the token limit cut the code off here", file.name)
            )
    return tuple(errors[:MAX_ERRORS])


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.most_common(MAX_DISTINCT)))


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
