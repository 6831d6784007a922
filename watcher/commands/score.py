"""`uimon score`: scores completions that exist already, from files, directories or standard input. Needs no GPU.

What is in the samples never changes the exit code: scoring broken code is a success. Input that cannot be read is an
error that names the file and the line; a plug-in that failed is named, and the exit code is 1.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from scorers import Completion, Language, Report, Sample, score
from watcher.commands.score_report import show
from watcher.commands.score_rows import CHAT, OWN, completions_of
from watcher.model import Reason, UimonError
from watcher.plugins import named_plugins
from watcher.printable import printable

CODE_SUFFIXES = {".html": Language.HTML, ".htm": Language.HTML, ".jsx": Language.JSX, ".tsx": Language.TSX}
TEXT_SUFFIXES = frozenset((".md", ".txt"))
ROWS_SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz")
# In a directory these are configurations and results more often than completions, so they are read where named.
NAMED_SUFFIXES = (".json", ".json.gz")
SUFFIXES = (*CODE_SUFFIXES, *ROWS_SUFFIXES, *sorted(TEXT_SUFFIXES))

# Browsers look for a page's own word about its encoding this far.
_PRESCAN = 1024
# What browsers take for windows-1252, by https://encoding.spec.whatwg.org/#names-and-labels.
_RENAMED = dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii"), "windows-1252")

# With fewer completions, starting processes takes longer than they save.
_MANY = 300


def run_score(paths: Sequence[str], scorers: Sequence[str] = (), key: str | None = None, *, as_json: bool) -> int:
    """Scores everything under `paths` (`-` is standard input) and prints the report; returns the exit code.

    `.html`, `.htm`, `.jsx` and `.tsx` files are code; HTML is decoded as browsers do, all else is UTF-8. In `.jsonl`
    files each line is a row, as in the array of a `.json` file, and both may be `.gz`; `score_rows` says where a row's
    text is found, or `key` names it. `prompt_id`, `prompt` or the other messages tell which prompt it answers. `.md`
    and `.txt` files and standard input are one completion each. Directories are searched recursively, in order of
    name, without hidden entries, `node_modules` and `.json` files. `scorers` names plug-ins. 0, or 1 where one of those
    failed. Raises `UimonError` for input or plug-ins that are missing or cannot be read.
    """
    plugins = named_plugins(scorers)
    completions = [completion for path in paths for completion in read_completions(path, key, _say)]
    workers = len(os.sched_getaffinity(0)) if len(completions) >= _MANY else 1
    report = score(completions, plugins, workers)
    if as_json:
        print(json.dumps(as_plain(report), indent=2, allow_nan=False))
    else:
        show(report)
    return 1 if report.failures else 0


def read_completions(
    path: str, key: str | None = None, say: Callable[[str], None] = lambda _: None
) -> Iterator[Completion]:
    """The completions of one argument of the command; raises `UimonError` as `run_score` does.

    `say` is told, in a sentence, from which key of a file's rows they were read, where that is not uimon's own.
    """
    if path == "-":
        yield Completion(sys.stdin.buffer.read().decode("utf-8-sig", "replace"), source="-")
        return
    for file in _files(Path(path)):
        if _has(file, (*ROWS_SUFFIXES, *NAMED_SUFFIXES)):
            yield from _rows(file, key, say)
        else:
            language = CODE_SUFFIXES.get(file.suffix.lower())
            yield Completion(_text(file), source=str(file), language=language)


def _rows(file: Path, key: str | None, say: Callable[[str], None]) -> Iterator[Completion]:
    read: Counter[str] = Counter()
    for chosen, completion in completions_of(file, key):
        read[chosen] += 1
        yield completion
    for chosen, count in read.items():
        if chosen not in ("", OWN, CHAT) and chosen != key:
            say(f"{file}: {count} completions, read from `{chosen}`; --key names another key.")


def _say(sentence: str) -> None:
    print(f"uimon: {printable(sentence)}", file=sys.stderr)


def as_plain(report: Report) -> dict[str, Any]:
    """What `--json` prints: `metrics` by name, `samples` in the order of the input, and what plug-ins failed at."""
    return {
        "metrics": report.metrics,
        "samples": [_plain_sample(sample) for sample in report.samples],
        "failures": list(report.failures),
    }


def _plain_sample(sample: Sample) -> dict[str, Any]:
    return {
        "source": sample.source,
        "outcome": sample.outcome.value,
        "language": None if sample.language is None else sample.language.value,
        "syntax_valid": sample.syntax_valid,
        "num_colors": sample.num_colors,
        "num_classes": sample.num_classes,
        "errors": [{"code": e.code, "line": e.line, "column": e.column, "message": e.message} for e in sample.errors],
        "scorers": dict(sample.extras),
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
    if not _has(path, (*SUFFIXES, *NAMED_SUFFIXES)):
        kinds = ", ".join((*SUFFIXES, *NAMED_SUFFIXES))
        sentence = f"{path} is of no kind that uimon scores ({kinds}); pipe it in with `uimon score -`."
        raise UimonError(Reason.VAL_INVALID, sentence)
    return [path]


def _walk(root: Path) -> Iterator[Path]:
    for directory, subdirectories, names in os.walk(root, onerror=_unreadable):
        subdirectories[:] = [name for name in subdirectories if name != "node_modules" and not name.startswith(".")]
        for name in names:
            file = Path(directory, name)
            if not name.startswith(".") and _has(file, SUFFIXES) and file.is_file():
                yield file


def _has(file: Path, suffixes: Sequence[str]) -> bool:
    return file.name.lower().endswith(tuple(suffixes))


def _text(file: Path) -> str:
    try:
        if CODE_SUFFIXES.get(file.suffix.lower()) is Language.HTML:
            return _decoded(file.read_bytes())
        return file.read_text("utf-8-sig", "replace")
    except OSError as error:
        _unreadable(error)


def _decoded(page: bytes) -> str:
    """A page as browsers decode it: by its byte order mark, its own word, as UTF-8 if it is that, as windows-1252."""
    from bs4.dammit import EncodingDetector

    page, encoding = EncodingDetector.strip_byte_order_mark(page)
    if encoding is None:
        declared = EncodingDetector.find_declared_encoding(page[:_PRESCAN], is_html=True) or ""
        # Where a declaration can be read as ASCII, it is not in UTF-16, whatever it says.
        encoding = "utf-8" if declared.startswith("utf-16") else _RENAMED.get(declared, declared)
    for name, errors in ((encoding, "replace"), ("utf-8", "strict")):
        try:
            return page.decode(name, errors)
        except (LookupError, UnicodeError):
            continue
    return page.decode("windows-1252", "replace")


def _unreadable(error: OSError) -> NoReturn:
    """A file or directory that is left out would change the figures and nobody would know."""
    reason = error.strerror or type(error).__name__
    raise UimonError(
        Reason.VAL_INVALID, f"{error.filename} cannot be read ({reason}); check its permissions."
    ) from error
