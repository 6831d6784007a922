"""Class names in JSX: what our reader takes for Tailwind utilities, beside what Tailwind's own scanner finds and its
compiler writes CSS for.

The scanner takes any word of a file for a candidate: it also finds `static` in a class body and `table` in a comment.
So both are shown: all that it finds, and what it finds in string literals. Tests are left out of the real files: they
name styles, and are no pages.
"""

from __future__ import annotations

import re
from pathlib import Path

from scorers.measures.classes import count_classes
from tests.agreement.jsx_corpus import TAILWIND_SOURCES, generated, real
from tests.agreement.tools import Confusion, Report, npm, run_node, versions
from tests.pages import jsx_page

REFERENCES = {"typescript": "5.9.3", "tailwindcss": "4.3.5", "@tailwindcss/oxide": "4.3.5"}
SEED = 2027
GENERATED = 200
_TEST = re.compile(r"\.(?:test|spec)\.[jt]sx$|/(?:__tests__|tests?)/")


def check(report: Report) -> None:
    """Recall and precision over the distinct classes of each file."""
    modules = npm(REFERENCES)
    report.say(f"references: {versions(modules, REFERENCES)}")
    for title, codes in (("generated", generated(GENERATED, SEED)), ("real", _pages())):
        for kind in ("literal", "all"):
            found = _compare(report, modules, f"{title}, {kind}", codes, kind)
            report.require(f"{title}, {kind}: recall", found.both / max(1, found.both + found.theirs_only), 0.98)
            report.require(f"{title}, {kind}: precision", found.both / max(1, found.both + found.ours_only), 0.98)


def _pages() -> dict[str, str]:
    return {name: code for name, code in real(TAILWIND_SOURCES).items() if not _TEST.search(name)}


def _compare(report: Report, modules: Path, title: str, codes: dict[str, str], kind: str) -> Confusion:
    answers = run_node(Path(__file__).with_name("scan_classes.mjs"), modules, list(codes.values()))
    found = Confusion()
    for (name, code), answer in zip(codes.items(), answers, strict=True):
        ours, theirs = set(count_classes(jsx_page(code)).utilities), set(answer[kind])
        for token in sorted(ours | theirs):
            found.add(token in ours, token in theirs, f"{token} in {name}")
    found.show(report, title)
    return found
