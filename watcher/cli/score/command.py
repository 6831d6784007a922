"""`uimon score`: scores completions that exist already, from files, directories or standard input. Needs no GPU.

What is in the samples never changes the exit code: scoring broken code is a success. Input that cannot be read is an
error that names the file and the line; a plug-in that failed is named, and the exit code is 1.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, TextIO

from scorers import Completion, Issue, Plugin, Report, Sample, Theme, grades, score
from scorers.language import BY_SUFFIX, Role
from watcher.cli.score.project import language_of, page_of, page_suffixes, read_project, unread_of, unread_said, walk
from watcher.cli.score.report import show
from watcher.cli.score.rows import CHAT, OWN, Missing, completions_of
from watcher.evaluation.plugins import named_theme, plugged, theme_note
from watcher.model import Reason, UimonError
from watcher.output.outlet import tell
from watcher.output.printable import printable
from watcher.output.terminal import sole_output, write_document
from watcher.settings.arguments import shown, trouble_of
from watcher.system.files import read_bytes
from watcher.validation.files import FILE_LIMIT

TEXT_SUFFIXES = frozenset((".md", ".txt"))
ROWS_SUFFIXES = (".jsonl", ".ndjson")
# In a directory these are configurations and data more often than completions, so they are read where named.
NAMED_SUFFIXES = (".json", ".parquet", ".csv", ".tsv")
_PACKED = (".gz", ".bz2", ".xz")

# With fewer completions, starting processes takes longer than they save.
_MANY = 300
_SHOWN_MISSING = 5


@dataclass(frozen=True, slots=True)
class Read:
    """What arguments of the command hold: completions, rows without one, and sentences on what was read from where."""

    completions: tuple[Completion, ...] = ()
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()


def run_score(
    paths: Sequence[str],
    scorers: Sequence[str] = (),
    key: str | None = None,
    theme: Sequence[str] = (),
    *,
    project: bool = False,
    as_json: bool,
) -> int:
    """Scores everything under `paths` (`-` is standard input) and prints the report; returns the exit code.

    Files of pages' suffixes are code; HTML is decoded as browsers do, all else is UTF-8. `.jsonl`,
    `.ndjson`, `.json`, `.csv`, `.tsv` and `.parquet` files hold rows, whichever of these their content is, also packed
    (`watcher.validation.files`); `score_rows` says where a row's text is found, or `key` names it. `prompt_id`,
    `prompt` or the other messages tell which prompt it answers. A row that has none, as that of a failed request, is
    left out and named. `.md` and `.txt` files and standard input are one completion each. Directories are searched
    recursively, in order of name, without hidden entries, `node_modules`, `.json` files and tables; with `project`
    each of them is one completion (`score_project`). What is not read of a directory is named. `scorers` names
    plug-ins, `theme` the theme that the pages are written against. 0, or 1 where a plug-in failed. Raises `UimonError`
    for input, plug-ins or themes that are missing or cannot be read, and for rows of which none has a completion.
    """
    with sole_output() as answer:
        return _score(paths, scorers, key, theme, answer, project=project, as_json=as_json)


def _score(
    paths: Sequence[str],
    scorers: Sequence[str],
    key: str | None,
    theme: Sequence[str],
    answer: TextIO,
    *,
    project: bool,
    as_json: bool,
) -> int:
    given = named_theme(theme)
    if note := theme_note(given):
        _say(note)
    with _heard(scorers), plugged(scorers) as plugins:
        report, missing = _report(paths, plugins, key, given, project=project)
    if as_json:
        write_document(as_plain(report, missing), answer)
    else:
        show(report, answer)
    return 1 if report.failures else 0


def _heard(scorers: Sequence[str]) -> AbstractContextManager[None]:
    """What plug-ins print is shown."""
    if not scorers:
        return nullcontext()
    from watcher.report.live import log_lines

    return log_lines()


def _report(
    paths: Sequence[str], plugins: Sequence[Plugin], key: str | None, theme: Theme | None, *, project: bool
) -> tuple[Report, tuple[Missing, ...]]:
    """The report on what the arguments hold, and the rows without a completion."""
    read = _joined(read_completions(path, key, project=project) for path in paths)
    if read.missing and not read.completions:
        said = _missing_said([replace(row, place=row.source) for row in read.missing])
        sentence = f"There is nothing to score: {said}; run these requests again, or name another key with --key."
        raise UimonError(Reason.VAL_INVALID, sentence)
    for note in read.notes:
        _say(note)
    workers = len(os.sched_getaffinity(0)) if len(read.completions) >= _MANY else 1
    return score(read.completions, plugins, workers, theme=theme), read.missing


def read_completions(path: str, key: str | None = None, *, project: bool = False) -> Read:
    """What one argument of the command holds; raises `UimonError` as `run_score` does."""
    if path == "-":
        text = sys.stdin.buffer.read().decode("utf-8-sig", "replace")
        return Read((Completion(text, source="-"),))
    place = Path(path)
    if trouble := trouble_of(place):
        raise UimonError(Reason.VAL_MISSING, f"{shown(path)} cannot be read: {trouble}; name a file or a directory.")
    if place.is_dir() and project:
        found = read_project(place, _text, _unreadable)
        return Read((found.completion,), notes=_unread_notes(place, found.unread))
    files = _files(place)
    read = _joined(_read_file(file, key) for file in files)
    if not place.is_dir():
        return read
    known = set(files)
    unread = unread_of(file for file in walk(place, _unreadable) if file not in known)
    hint = "; --project scores it as one app" if any(suffix in BY_SUFFIX for suffix in unread) else ""
    return replace(read, notes=(*read.notes, *_unread_notes(place, unread, hint)))


def _unread_notes(place: Path, unread: Counter[str], hint: str = "") -> tuple[str, ...]:
    return (f"{place}: {unread_said(unread)}{hint}.",) if unread else ()


def _joined(parts: Iterable[Read]) -> Read:
    each = tuple(parts)
    return Read(
        tuple(completion for part in each for completion in part.completions),
        tuple(row for part in each for row in part.missing),
        tuple(note for part in each for note in part.notes),
    )


def _read_file(file: Path, key: str | None) -> Read:
    if not _holds_rows(file, (*ROWS_SUFFIXES, *NAMED_SUFFIXES)):
        language = page.name if (page := page_of(file)) else None
        return Read((Completion(_text(file), source=str(file), language=language),))
    try:
        rows = completions_of(file, key)
    except OSError as error:
        _unreadable(error)
    notes = [
        f"{file}: {count} completion{'s' * (count != 1)}, read from `{chosen}`; --key names another key."
        for chosen, count in rows.keys.items()
        if chosen not in ("", OWN, CHAT) and chosen != key
    ]
    if rows.missing:
        notes.append(f"{file}: {_missing_said(rows.missing)}; left out of all figures.")
    elif not rows.completions:
        notes.append(f"{file} holds no rows: there is nothing in it to score.")
    return Read(rows.completions, rows.missing, tuple(notes))


def _missing_said(missing: Sequence[Missing]) -> str:
    """How many rows have no completion, and the first of them with their reasons."""
    each = [f"{row.place} ({row.reason})" if row.reason else row.place for row in missing[:_SHOWN_MISSING]]
    if len(missing) > _SHOWN_MISSING:
        each.append(f"and {len(missing) - _SHOWN_MISSING} more")
    rows = "1 row has" if len(missing) == 1 else f"{len(missing)} rows have"
    return f"{rows} no completion: {', '.join(each)}"


def _say(sentence: str) -> None:
    tell(printable(f"uimon: {sentence}"))


def as_plain(report: Report, missing: Sequence[Missing] = ()) -> dict[str, object]:
    """What `--json` prints: `metrics` by name, the `grades` of those that have bands, `samples` in the order of the
    input, what plug-ins failed at, and the rows that no figure counts, because they have no completion.
    """
    return {
        "metrics": report.metrics,
        "grades": grades(report.metrics),
        "samples": [_plain_sample(sample) for sample in report.samples],
        "failures": list(report.failures),
        "missing": [{"source": row.source, "reason": row.reason} for row in missing],
    }


def _plain_sample(sample: Sample) -> dict[str, object]:
    return {
        "source": sample.source,
        "outcome": sample.outcome.value,
        "language": None if sample.language is None else str(sample.language),
        "syntax_valid": sample.syntax_valid,
        "num_colors": sample.num_colors,
        "num_classes": sample.num_classes,
        "found": sample.extraction,
        "errors": [_plain_error(error) for error in sample.errors],
        "scorers": dict(sample.extras),
    }


def _plain_error(error: Issue) -> dict[str, object]:
    file = error.file or None
    return {"code": error.code, "file": file, "line": error.line, "column": error.column, "message": error.message}


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in walk(path, _unreadable) if _has(file, _suffixes()) or _holds_rows(file))
        if not found:
            sentence = (
                f"{path} holds nothing to score: uimon reads {', '.join(_suffixes())} files; name another directory."
            )
            raise UimonError(Reason.VAL_MISSING, sentence)
        return found
    if not path.exists():
        raise UimonError(
            Reason.VAL_MISSING, f"{path} does not exist; name a file, a directory or - for standard input."
        )
    if not (_has(path, _suffixes()) or _holds_rows(path, (*ROWS_SUFFIXES, *NAMED_SUFFIXES))):
        kinds = ", ".join((*_suffixes(), *NAMED_SUFFIXES))
        sentence = (
            f"{path} is not a kind of file that uimon scores ({kinds}; rows also compressed); pipe it in with `uimon "
            "score -`."
        )
        raise UimonError(Reason.VAL_INVALID, sentence)
    return [path]


def _suffixes() -> tuple[str, ...]:
    """What is read of a directory."""
    return (*page_suffixes(), *ROWS_SUFFIXES, *sorted(TEXT_SUFFIXES))


def _has(file: Path, suffixes: Sequence[str]) -> bool:
    return file.name.lower().endswith(tuple(suffixes))


def _holds_rows(file: Path, suffixes: Sequence[str] = ROWS_SUFFIXES) -> bool:
    return _has(file, [f"{suffix}{packed}" for suffix in suffixes for packed in ("", *_PACKED)])


def _text(file: Path) -> str:
    try:
        if (language := language_of(file)) and language.role is Role.DOCUMENT:
            return _decoded(read_bytes(file, FILE_LIMIT))
        return read_bytes(file, FILE_LIMIT).decode("utf-8-sig", "replace")
    except OSError as error:
        _unreadable(error)


def _decoded(page: bytes) -> str:
    """A page as browsers decode it: by its byte order mark or its own word, else as UTF-8 if it is that, else as
    windows-1252 (https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding)."""
    # It registers the standard's decoders, which for several names are other ones than Python's.
    import turbohtml.detect

    encoding = turbohtml.parse(page).encoding or "utf-8"
    return page.decode(f"whatwg-{encoding.lower()}", "replace").removeprefix("\ufeff")


def _unreadable(error: OSError) -> NoReturn:
    """A file or directory that is left out would change the figures and nobody would know."""
    reason = error.strerror or type(error).__name__
    raise UimonError(
        Reason.VAL_INVALID, f"{error.filename} cannot be read ({reason}); check its permissions."
    ) from error
