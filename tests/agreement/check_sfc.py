"""Vue, Svelte and Astro: our verdict on components beside that of each framework's own compiler."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

from scorers.language import LANGUAGES
from scorers.sample import Language
from tests.agreement.sfc_corpus import PACKAGES, real
from tests.agreement.sfc_mutations import MUTATIONS, mutations
from tests.agreement.tools import Confusion, Report, npm, run_node, versions

REFERENCES = {
    "@vue/compiler-sfc": "3.5.45",
    "@babel/parser": "7.29.15",
    "svelte": "5.57.3",
    "@astrojs/compiler-rs": "0.5.1",
    "@astrojs/compiler-binding-linux-x64-gnu": "0.5.1",
}
SEED = 2026
MUTATED = 150  # files of each framework that are mutated, once by each kind


def check(report: Report) -> None:
    """Prints a matrix for each framework, unmutated and mutated, and a line for each kind of mutation."""
    modules = npm(REFERENCES)
    report.say(f"references: {versions(modules, [name for name in REFERENCES if 'binding' not in name])}")
    report.say(f"{len(MUTATIONS)} kinds of mutations")
    for framework in PACKAGES:
        files = real(framework)
        report.at_most(f"{framework}, false alarms", _compare(report, modules, framework, "real", files).ours_only, 0)
        chance = random.Random(SEED)
        mutated = {
            f"{kind} | {name}": code
            for name in chance.sample(sorted(files), min(MUTATED, len(files)))
            for kind, code in mutations(files[name], chance)
        }
        found = _compare(report, modules, framework, "mutations", mutated)
        report.require(f"{framework}, mutations", found.agreement, 0.995)


def _compare(report: Report, modules: Path, framework: str, title: str, codes: dict[str, str]) -> Confusion:
    read = LANGUAGES[Language(framework)].read
    asked = [(framework, code) for code in codes.values()]
    answers = run_node(Path(__file__).with_name("parse_sfc.mjs"), modules, asked)
    found = Confusion()
    kinds: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    unjudged = 0
    for (name, code), answer in zip(codes.items(), answers, strict=True):
        if answer is not None and answer.startswith("meaning: "):
            unjudged += 1
            continue
        issues = read(code).verdict.issues
        verdicts = (bool(issues), answer is not None)
        reason = f"{issues[0].position.line} {issues[0].code} {issues[0].message}" if issues else answer
        found.add(*verdicts, f"{name}: {reason}")
        kinds[name.partition(" | ")[0]].append(verdicts)
    found.show(report, f"{framework}, {title}")
    report.say(f"    {unjudged} more that the compiler left for an error of meaning")
    if title == "mutations":
        for kind, counted in kinds.items():
            ours, theirs = (sum(column) for column in zip(*counted, strict=True))
            report.say(f"    {kind}: n {len(counted)}, broken: ours {ours}, {framework} {theirs}")
    return found
