"""JSX and TSX: our verdict beside TypeScript's, which decides, and Babel's, which is shown."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

from scorers.jsx.check import check_jsx
from tests.agreement.jsx_corpus import OTHER_SOURCES, TAILWIND_SOURCES, generated, real
from tests.agreement.jsx_fixtures import fixtures
from tests.agreement.jsx_mutations import MUTATIONS, mutations
from tests.agreement.tools import Confusion, Report, npm, run_node, versions

REFERENCES = {"typescript": "5.9.3", "@babel/parser": "8.1.3"}
SEED = 2026
GENERATED = 300
MUTATED = 150  # files of each corpus that are mutated, once by each kind


def check(report: Report) -> None:
    """Prints a matrix for each part of the corpus and a line for each kind of mutation."""
    modules = npm(REFERENCES)
    report.say(f"references: {versions(modules, REFERENCES)}")
    files = {"generated": generated(GENERATED, SEED), "real": real((*TAILWIND_SOURCES, *OTHER_SOURCES))}
    false_alarms = 0
    for name, codes in files.items():
        found = _compare(report, modules, name, codes)
        false_alarms += found.ours_only
    report.at_most("false alarms on clean files", false_alarms, 0)
    report.require("fixtures", _compare(report, modules, "fixtures", fixtures()).agreement, 0.98)
    mutated = _mutated(files)
    report.say(f"{len(MUTATIONS)} kinds of mutations")
    report.require("mutations", _compare(report, modules, "mutations", mutated).agreement, 0.998)


def _mutated(files: dict[str, dict[str, str]]) -> dict[str, str]:
    chance = random.Random(SEED)
    return {
        f"{kind} | {name}": mutated
        for codes in files.values()
        for name in chance.sample(sorted(codes), min(MUTATED, len(codes)))
        for kind, mutated in mutations(codes[name], chance)
    }


def _compare(report: Report, modules: Path, title: str, codes: dict[str, str]) -> Confusion:
    """Our verdicts and TypeScript's; where names have a kind (`kind | file`), a line for each kind."""
    answers = run_node(Path(__file__).with_name("parse_jsx.mjs"), modules, list(codes.values()))
    typescript, babel = Confusion(), Confusion()
    kinds: defaultdict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for (name, code), answer in zip(codes.items(), answers, strict=True):
        issues = check_jsx(code).issues
        verdicts = (bool(issues), answer["typescript"] is not None, answer["babel"] is not None)
        reason = issues[0].message if issues else answer["typescript"]
        typescript.add(verdicts[0], verdicts[1], f"{name}: {reason}")
        babel.add(verdicts[0], verdicts[2], name)
        if " | " in name:
            kinds[name.partition(" | ")[0]].append(verdicts)
    typescript.show(report, f"{title}, TypeScript")
    report.say(f"{title}, Babel: agreement {babel.agreement:.4f}")
    for kind, counted in kinds.items():
        ours, theirs, others = (sum(column) for column in zip(*counted, strict=True))
        report.say(f"    {kind}: n {len(counted)}, broken: ours {ours}, TypeScript {theirs}, Babel {others}")
    return typescript
