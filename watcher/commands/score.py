"""`uimon score`: scores completions that exist already, from files, directories or standard input. Needs no GPU.

What is in the samples never changes the exit code: scoring broken code is a success. Input that cannot be read is an
error that names the file and the line; a plug-in that failed is named, and the exit code is 1.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from scorers import Completion, Language, Report, Sample, score
from watcher.commands.score_report import show
from watcher.model import Reason, UimonError
from watcher.plugins import named_plugins

CODE_SUFFIXES = {".html": Language.HTML, ".htm": Language.HTML, ".jsx": Language.JSX, ".tsx": Language.TSX}
TEXT_SUFFIXES = frozenset((".md", ".txt"))
ROWS_SUFFIX = ".jsonl"
SUFFIXES = (*CODE_SUFFIXES, ROWS_SUFFIX, *sorted(TEXT_SUFFIXES))

# Browsers look for a page's own word about its encoding this far.
_PRESCAN = 1024
# What browsers take for windows-1252, by https://encoding.spec.whatwg.org/#names-and-labels.
_RENAMED = dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii"), "windows-1252")

# With fewer completions, starting processes takes longer than they save.
_MANY = 300


def run_score(paths: Sequence[str], scorers: Sequence[str] = (), *, as_json: bool) -> int:
    """Scores everything under `paths` (`-` is standard input) and prints the report; returns the exit code.

    `.html`, `.htm`, `.jsx` and `.tsx` files are code; HTML is decoded as browsers do, all else is UTF-8. In
    `.jsonl` files each line is an object with `completion`, or with `messages` whose last assistant turn counts,
    and may have `finish_reason`; `prompt_id`, `prompt` or the other messages tell which prompt it answers. `.md`
    and `.txt` files and standard input are one completion each. Directories are searched recursively, in order of
    name, without hidden entries and `node_modules`. `scorers` names plug-ins. 0, or 1 where one of those failed.
    Raises `UimonError` for input or plug-ins that are missing or cannot be read.
    """
    plugins = named_plugins(scorers)
    completions = [completion for path in paths for completion in read_completions(path)]
    workers = len(os.sched_getaffinity(0)) if len(completions) >= _MANY else 1
    report = score(completions, plugins, workers)
    if as_json:
        print(json.dumps(as_plain(report), indent=2, allow_nan=False))
    else:
        show(report)
    return 1 if report.failures else 0


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
    truncated = row.get("finish_reason") == "length"
    return Completion(text, truncated=truncated, source=f"{file}#{number}", prompt=_prompt_of(row))


def _prompt_of(row: dict[str, Any]) -> str:
    """What tells the row's prompt from others; empty where the row does not say."""
    for name in ("prompt_id", "prompt", "question"):
        if row.get(name):
            return _digest(row[name])
    messages = row.get("messages")
    asked = (
        [m for m in messages if isinstance(m, dict) and m.get("role") != "assistant"]
        if isinstance(messages, list)
        else []
    )
    return _digest(asked) if asked else ""


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


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
