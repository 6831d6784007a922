"""Scripts of pages: is a script broken, beside node's V8 (scripts) and Babel (modules)?

Real scripts come from npm packages under the MIT License: those on their pages and their own files. Broken is what is a
script error or an early error here, for the reference knows only one kind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from scorers import Completion, Language, score_sample
from scorers.html.read import read_page
from scorers.html.scripts import kind_of
from scorers.jsx.engine import SourceKind, read_source
from tests.agreement import corpus, early_mutations, jsx_mutations
from tests.agreement.tools import Confusion, Report, npm, run_node, versions

REFERENCES = {"@babel/parser": "8.1.3"}
SEED = 2026
_LARGEST = 30_000
_FILES = 500
_MUTATED = 200
_CLOSING = "</script"


def check(report: Report) -> None:
    """Prints a matrix for real scripts and one for mutated ones, and compares a script with itself on a page."""
    modules = npm(REFERENCES)
    report.say(f"references: node's V8, {versions(modules, REFERENCES)}")
    files = dict(chain(_on_pages(), _files()))
    clean = _compare(report, modules, "real scripts", files)
    report.at_most("false alarms on real scripts", clean.ours_only, 0)
    report.require("agreement on real scripts", clean.agreement, 0.995)
    chance = random.Random(SEED)
    mutated = {
        f"{kind} | {name}": (code, of)
        for name in chance.sample(sorted(files), min(_MUTATED, len(files)))
        for text, of in (files[name],)
        for kind, code in chain(jsx_mutations.mutations(text, chance), early_mutations.mutations(text, chance))
    }
    report.require("agreement on mutations", _compare(report, modules, "mutations", mutated).agreement, 0.998)


def _on_pages() -> Iterator[tuple[str, tuple[str, SourceKind]]]:
    for name, code in corpus.shipped():
        for number, script in enumerate(read_page(code).scripts):
            kind = kind_of(script)
            if kind in (SourceKind.SCRIPT, SourceKind.MODULE) and script.text.strip():
                yield f"{name} {number}", (script.text, kind)


def _files() -> Iterator[tuple[str, tuple[str, SourceKind]]]:
    root = npm(corpus.PACKAGES)
    paths = sorted(path for package in corpus.PACKAGES for path in (root / package).rglob("*.[jm]*s"))
    kept = [path for path in paths if path.suffix in (".js", ".mjs") and path.is_file()]
    wanted = [path for path in kept if path.stat().st_size < _LARGEST]
    for path in random.Random(SEED).sample(wanted, min(_FILES, len(wanted))):
        code = path.read_text("utf-8", "replace").replace("\r\n", "\n")
        if _CLOSING not in code.lower():
            yield str(path.relative_to(root)), (code, SourceKind.MODULE if _imports(code) else SourceKind.SCRIPT)


def _imports(code: str) -> bool:
    return any(line.startswith(("import ", "export ")) for line in code.split("\n"))


def _compare(report: Report, modules: Path, title: str, codes: dict[str, tuple[str, SourceKind]]) -> Confusion:
    asked = [{"code": code, "module": kind is SourceKind.MODULE} for code, kind in codes.values()]
    answers = run_node(Path(__file__).with_name("script_node.mjs"), modules, asked)
    found = Confusion()
    misplaced = 0
    for (name, (code, kind)), answer in zip(codes.items(), answers, strict=True):
        source = read_source(code, kind)
        first = source.errors[0].message if source.errors else source.early[0].rule if source.early else source.unread
        found.add(first is not None, answer is not None, f"{kind.value} {name}: {first} / {answer}")
        misplaced += _on_a_page(code, kind) != bool(source.errors or source.early)
    found.show(report, title)
    report.at_most(f"{title} that are judged otherwise on a page", misplaced, 0)
    return found


def _on_a_page(code: str, kind: SourceKind) -> bool:
    if _CLOSING in code.lower() or "<!--" in code or "\0" in code:
        return bool((source := read_source(code, kind)).errors or source.early)
    page = f"<!doctype html><p>a</p><script type='{'module' if kind is SourceKind.MODULE else ''}'>{code}</script>"
    sample = score_sample(Completion(page, language=Language.HTML))
    return bool(sample.script_errors or sample.early_errors)
