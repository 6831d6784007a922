"""How a report looks in a terminal: the metrics with their intervals, then what is not valid, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from scorers import METRICS, Grade, Issue, Outcome, Report, Sample, grade_of
from scorers.metrics.declarations import EXTRACTION
from watcher.output.printable import printable
from watcher.output.terminal import Terminal

# How much of what went wrong a person sees at once; `--json` has all of it.
SHOWN_SAMPLES = 20
SHOWN_ERRORS = 3
SHOWN_REASONS = 5
# Narrower, each meaning would be a column of single words.
_EXPLAINED = 130

_STYLES = {Grade.GOOD: "green", Grade.MEDIUM: "yellow", Grade.BAD: "red"}
# Nothing usable at all is worse than a broken page, and that is worse than one which only ran out of tokens.
_WORST_FIRST = (Outcome.EMPTY, Outcome.NO_CODE, Outcome.INVALID, Outcome.TRUNCATED)


def show(report: Report, output: TextIO) -> None:
    """Prints a report on `output`, and on standard error which plug-ins failed."""
    console = Terminal(output)
    _show_metrics(console, report.metrics)
    _show_shapes(console, report.metrics)
    _show_offenders(console, report.samples)
    for failure in report.failures:
        Terminal(stderr=True).print(printable(failure), soft_wrap=True)


def _show_metrics(console: Terminal, metrics: Mapping[str, float | None]) -> None:
    from rich.table import Table
    from rich.text import Text

    explained = console.width >= _EXPLAINED
    # The document's bands are shown as what they are, also where pages show that they do not hold.
    columns = ("metric", "value", "95 %", "grade", "document", *(("meaning",) if explained else ()))
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    table.columns[1].justify = table.columns[2].justify = "right"
    declared = [name for name in METRICS if name in metrics and not METRICS[name].of]
    for name in (*declared, *(name for name in metrics if name not in METRICS)):
        if name.startswith(EXTRACTION):
            continue
        known = METRICS.get(name)
        unit, meaning = (known.unit, known.meaning) if known else ("", "of a plug-in")
        grade, document = grade_of(name, metrics), known.document_grade(metrics[name]) if known else None
        style = _STYLES[grade] if grade else ""
        value, interval = Text(number(metrics[name], unit), style), Text(_interval(name, metrics), "dim")
        cells = (name, value, interval, Text(grade or "", style), Text(document or "", "dim"), meaning)
        table.add_row(*cells[: len(columns)])
    console.print(table)


def _show_shapes(console: Terminal, metrics: Mapping[str, float | None]) -> None:
    """In which shapes the answers came, the most common first: most of the names never occur."""
    found = {name.removeprefix(EXTRACTION): metrics[name] for name in metrics if name.startswith(EXTRACTION)}
    counts = sorted(((count, name) for name, count in found.items() if count), key=lambda pair: (-pair[0], pair[1]))
    if counts:
        said = ", ".join(f"{count:.0f} {printable(name)}" for count, name in counts)
        console.print(f"found as: {said}", soft_wrap=True)


def _interval(name: str, metrics: Mapping[str, float | None]) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return "" if low is None or high is None else f"{_short(low)}–{_short(high)}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"


def number(value: float | None, unit: str) -> str:
    """A metric's value for people: counts without decimals, a dash for undefined.

    >>> number(0.5, "0-1"), number(12.0, "samples"), number(None, "bits")
    ('0.500', '12', '–')
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if value == int(value) and unit not in ("0-1", "bits") else f"{value:.3f}"


def _show_offenders(console: Terminal, samples: Sequence[Sample]) -> None:
    from rich.text import Text

    bad = sorted((s for s in samples if not s.syntax_valid), key=_badness)
    if not bad:
        return
    outcomes = Counter(sample.outcome for sample in bad)
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in _WORST_FIRST if outcomes[outcome])
    console.print()
    console.print(Text(f"{len(bad)} of {len(samples)} not valid ({counts}), the worst first", "bold"))
    for sample in bad[:SHOWN_SAMPLES]:
        for error in sample.errors[:SHOWN_ERRORS]:
            console.print(Text.assemble(_place(sample, error), "  ", _reason(sample, error)), soft_wrap=True)
        if len(sample.errors) > SHOWN_ERRORS:
            console.print(Text(f"    and {len(sample.errors) - SHOWN_ERRORS} more in this sample", "dim"))
    if len(bad) > SHOWN_SAMPLES:
        console.print(Text(f"and {len(bad) - SHOWN_SAMPLES} more samples; --json lists all", "dim"))
    _show_reasons(console, bad)


def _show_reasons(console: Terminal, bad: Sequence[Sample]) -> None:
    """In how many samples each kind of error occurs: with many samples that says more than the list."""
    from rich.text import Text

    if len(bad) > SHOWN_SAMPLES:
        reasons = Counter(code for sample in bad for code in {error.code for error in sample.errors})
        most = ", ".join(f"{code} in {count}" for code, count in reasons.most_common(SHOWN_REASONS))
        console.print(Text(f"most common: {printable(most)}"))


def _badness(sample: Sample) -> tuple[int, int, str]:
    return (_WORST_FIRST.index(sample.outcome), -len(sample.errors), sample.source)


def _place(sample: Sample, error: Issue) -> str:
    return f"{printable(sample.source)}:{printable(error.place)}"


def _reason(sample: Sample, error: Issue) -> str:
    return f"{sample.outcome.value}: {printable(error.message)}"
