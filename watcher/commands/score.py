"""`uimon score`: scores completions that exist already, from files, directories or standard input. Needs no GPU.

What is in the samples never changes the exit code: scoring broken code is a success. Input that cannot be read is an
error that names the file and the line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from scorers import METRICS, Completion, Grade, Issue, Language, Report, Sample, score
from watcher.model import Reason, UimonError

CODE_SUFFIXES = {".html": Language.HTML, ".htm": Language.HTML, ".jsx": Language.JSX, ".tsx": Language.TSX}
TEXT_SUFFIXES = frozenset((".md", ".txt"))
ROWS_SUFFIX = ".jsonl"
SUFFIXES = (*CODE_SUFFIXES, ROWS_SUFFIX, *sorted(TEXT_SUFFIXES))

# How much of what went wrong a person sees at once; `--json` has all of it.
SHOWN_SAMPLES = 20
SHOWN_ERRORS = 3

_STYLES = {Grade.GOOD: "green", Grade.MEDIUM: "yellow", Grade.BAD: "red"}


def run_score(paths: list[str], as_json: bool) -> int:
    """Scores everything under `paths` (`-` is standard input) and prints the report; returns the exit code, 0.

    `.html`, `.htm`, `.jsx` and `.tsx` files are code. In `.jsonl` files each line is an object with `completion`, or
    with `messages` whose last assistant turn counts, and may have `finish_reason`. `.md` and `.txt` files and
    standard input are one completion each. Directories are searched recursively, in order of name, without hidden
    entries and `node_modules`. Raises `UimonError` for input that is missing or cannot be read.
    """
    report = score(completion for path in paths for completion in read_completions(path))
    if as_json:
        print(json.dumps(as_plain(report), indent=2, allow_nan=False))
    else:
        _show(report)
    return 0


def read_completions(path: str) -> Iterator[Completion]:
    """The completions of one argument of the command; raises `UimonError` as `run_score` does."""
    if path == "-":
        yield Completion(sys.stdin.buffer.read().decode("utf-8-sig", "replace"), source="-")
        return
    for file in _files(Path(path)):
        language = CODE_SUFFIXES.get(file.suffix.lower())
        if file.suffix.lower() == ROWS_SUFFIX:
            yield from _rows(file)
        else:
            yield Completion(_text(file), source=str(file), language=language)


def as_plain(report: Report) -> dict[str, Any]:
    """What `--json` prints: `metrics` by name, and `samples` in the order of the input."""
    return {"metrics": report.metrics, "samples": [_plain_sample(sample) for sample in report.samples]}


def _plain_sample(sample: Sample) -> dict[str, Any]:
    return {
        "source": sample.source,
        "outcome": sample.outcome.value,
        "language": None if sample.language is None else sample.language.value,
        "syntax_valid": sample.syntax_valid,
        "num_colors": sample.num_colors,
        "num_classes": sample.num_classes,
        "errors": [{"code": e.code, "line": e.line, "column": e.column, "message": e.message} for e in sample.errors],
    }


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(_walk(path))
        if not found:
            sentence = (
                f"{path} holds nothing to score: uimon reads {', '.join(SUFFIXES)} files; name another directory."
            )
            raise UimonError(Reason.VAL_MISSING, sentence)
        return found
    if not path.exists():
        raise UimonError(
            Reason.VAL_MISSING, f"{path} does not exist; name a file, a directory or - for standard input."
        )
    if path.suffix.lower() not in SUFFIXES:
        sentence = f"{path} is of no kind that uimon scores ({', '.join(SUFFIXES)}); pipe it in with `uimon score -`."
        raise UimonError(Reason.VAL_INVALID, sentence)
    return [path]


def _walk(root: Path) -> Iterator[Path]:
    for directory, subdirectories, names in os.walk(root, onerror=_unreadable):
        subdirectories[:] = [name for name in subdirectories if name != "node_modules" and not name.startswith(".")]
        for name in names:
            file = Path(directory, name)
            if not name.startswith(".") and file.suffix.lower() in SUFFIXES and file.is_file():
                yield file


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig", "replace")
    except OSError as error:
        _unreadable(error)


def _unreadable(error: OSError) -> NoReturn:
    """A file or directory that is left out would change the figures and nobody would know."""
    reason = error.strerror or type(error).__name__
    raise UimonError(
        Reason.VAL_INVALID, f"{error.filename} cannot be read ({reason}); check its permissions."
    ) from error


def _rows(file: Path) -> Iterator[Completion]:
    # Only "\n" ends a line of JSONL: `splitlines` would also break at characters that JSON strings may hold.
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if line.strip():
            yield _row(file, number, line)


def _row(file: Path, number: int, line: str) -> Completion:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad_row(file, number, f"is not JSON ({error}); write one object on each line") from error
    if not isinstance(row, dict):
        raise _bad_row(file, number, "is not an object; write an object with `completion` or `messages`")
    text = row["completion"] if "completion" in row else _last_answer(row.get("messages"))
    if not isinstance(text, str):
        raise _bad_row(file, number, "has neither a text under `completion` nor an assistant turn under `messages`")
    return Completion(text, truncated=row.get("finish_reason") == "length", source=f"{file}#{number}")


def _last_answer(messages: object) -> object:
    """The content of the last assistant turn; of content in parts, the text parts."""
    if not isinstance(messages, list):
        return None
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "assistant":
            content = message.get("content")
            if isinstance(content, list):
                parts = [part.get("text") for part in content if isinstance(part, dict)]
                return "".join(part for part in parts if isinstance(part, str))
            return content
    return None


def _bad_row(file: Path, number: int, what: str) -> UimonError:
    return UimonError(Reason.VAL_INVALID, f"{file}, line {number} {what}.")


def _show(report: Report) -> None:
    from rich.console import Console

    # Model output and file names are printed as they are: no markup, no emoji codes.
    console = Console(markup=False, emoji=False, highlight=False)
    _show_metrics(console, report.metrics)
    _show_offenders(console, report.samples)


def _show_metrics(console: Any, metrics: Mapping[str, float | None]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("metric", "value", "", "meaning", box=None, pad_edge=False, header_style="bold")
    table.columns[0].min_width = max(len(name) for name in metrics)
    table.columns[1].justify = "right"
    samples = metrics.get("eval/samples")
    for name, info in METRICS.items():
        if name in metrics:
            grade = info.grade(metrics[name], samples)
            style = _STYLES[grade] if grade else ""
            value = Text(_number(metrics[name], info.unit), style)
            table.add_row(Text(name, no_wrap=True), value, Text(grade or "", style), Text(info.meaning))
    console.print(table)


def _number(value: float | None, unit: str) -> str:
    """A metric's value for people: counts without decimals, a dash for undefined.

    >>> _number(0.5, "0-1"), _number(12.0, "samples"), _number(None, "bits")
    ('0.500', '12', '–')
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if value == int(value) and unit not in ("0-1", "bits") else f"{value:.3f}"


def _show_offenders(console: Any, samples: Iterable[Sample]) -> None:
    from rich.text import Text

    bad = sorted((s for s in samples if not s.syntax_valid), key=lambda s: (-len(s.errors), s.source))
    if not bad:
        return
    console.print()
    console.print(Text(f"{len(bad)} not valid, those with most errors first", "bold"))
    for sample in bad[:SHOWN_SAMPLES]:
        for error in sample.errors[:SHOWN_ERRORS]:
            console.print(Text.assemble(_place(sample, error), "  ", _reason(sample, error)), soft_wrap=True)
        if len(sample.errors) > SHOWN_ERRORS:
            console.print(Text(f"    and {len(sample.errors) - SHOWN_ERRORS} more in this sample", "dim"))
    if len(bad) > SHOWN_SAMPLES:
        console.print(Text(f"and {len(bad) - SHOWN_SAMPLES} more samples; --json lists all", "dim"))


def _place(sample: Sample, error: Issue) -> str:
    return f"{_printable(sample.source)}:{error.line}:{error.column}"


def _reason(sample: Sample, error: Issue) -> str:
    return f"{sample.outcome.value}: {_printable(error.message)}"


def _printable(text: str) -> str:
    """Text that cannot steer a terminal: whatever is not printable is shown as its escape.

    >>> _printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
