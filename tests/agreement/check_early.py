"""Early errors: what we say beside esbuild and Babel, of files that TypeScript's parser accepts.

A file is refused where both refuse it; where only one does, it is counted by itself: esbuild forgives what may be a
type (an imported name that is declared again), Babel what it does not look for in TypeScript (two default exports).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

from scorers.jsx.check import check_jsx
from tests.agreement.early_mutations import mutations
from tests.agreement.early_snippets import SNIPPETS
from tests.agreement.jsx_corpus import OTHER_SOURCES, TAILWIND_SOURCES, generated, real
from tests.agreement.jsx_fixtures import fixtures
from tests.agreement.tools import MAX_SHOWN, Report, npm, run_node, versions

REFERENCES = {"typescript": "5.9.3", "@babel/parser": "8.1.3", "esbuild": "0.28.2"}
SEED = 2026
GENERATED = 300
ROUNDS = 2


def check(report: Report) -> None:
    """Prints how many of the refused files are found, by kind, and every false alarm."""
    modules = npm(REFERENCES)
    report.say(f"references: {versions(modules, REFERENCES)}")
    files = {**generated(GENERATED, SEED), **real((*TAILWIND_SOURCES, *OTHER_SOURCES))}
    clean = _compare(report, modules, "clean files", {**files, **fixtures()})
    report.at_most("false alarms on clean files", clean["false alarm"], 0)
    snippets = {f"snippet {number}": code for number, code in enumerate(SNIPPETS)}
    found = _compare(report, modules, "small modules around every rule", snippets)
    report.require("of the small modules that both refuse, found", _share(found, "both"), 0.85)
    chance = random.Random(SEED)
    mutated = {
        f"{kind} | {name} {number}": code
        for number in range(ROUNDS)
        for name in sorted(files)
        for kind, code in mutations(files[name], chance)
    }
    found = _compare(report, modules, "mutations", mutated)
    report.at_most("false alarms on mutations", found["false alarm"], 0)
    report.require("of the mutations that both refuse, found", _share(found, "both"), 0.99)


def _share(found: Counter[str], who: str) -> float:
    total = found[f"{who} found"] + found[f"{who} missed"]
    return found[f"{who} found"] / total if total else 0.0


def _compare(report: Report, modules: Path, title: str, codes: dict[str, str]) -> Counter[str]:
    answers = run_node(Path(__file__).with_name("refused_js.mjs"), modules, list(codes.values()))
    counts: Counter[str] = Counter()
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    shown: list[str] = []
    for (name, code), answer in zip(codes.items(), answers, strict=True):
        verdict = check_jsx(code)
        if answer["typescript"] is not None or not verdict.valid:
            continue
        early = verdict.early_errors or ()
        who = _refused_by(answer)
        outcome = f"{who} {'found' if early else 'missed'}" if who else "false alarm" if early else "fine"
        counts[outcome] += 1
        kinds[name.partition(" | ")[0] if " | " in name else ""][outcome] += 1
        if outcome in ("both missed", "false alarm"):
            reason = early[0].message if early else answer["esbuild"] or answer["babel"]
            what = code if title.startswith("small") else name
            shown.append(f"    {outcome}: {what}: {reason}")
    report.say(f"{title}: n {counts.total()}, {_told(counts)}")
    for kind, counted in kinds.items():
        if kind:
            report.say(f"    {kind}: n {counted.total()}, {_told(counted)}")
    for line in shown[:MAX_SHOWN]:
        report.say(line)
    if len(shown) > MAX_SHOWN:
        report.say(f"    … and {len(shown) - MAX_SHOWN} more")
    return counts


def _refused_by(answer: dict[str, str | None]) -> str:
    esbuild = answer["esbuild"] is not None or _without_types(answer)
    if answer["babel"] is None:
        return "esbuild alone" if esbuild else ""
    return "both" if esbuild else "Babel alone"


def _without_types(answer: dict[str, str | None]) -> bool:
    """True where esbuild refuses the file once it has no types to think of: what it forgives may be a type."""
    declared, exported = answer["stripped"] or "", answer["plain"] or ""
    return "already been declared" in declared or "is not declared in this file" in exported


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
