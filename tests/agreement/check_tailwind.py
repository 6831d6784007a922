"""Is this class name a utility? Asked of Tailwind's own compilers, about names that did not build the scorer's table.

Two corpora: names composed at random (`tailwind_candidates`) and the tokens of packages that people wrote
(`tailwind_packages`). A compiler says yes where it emits CSS with its default theme.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from scorers.tailwind.utility import data, versions_of
from tests.agreement.tailwind_candidates import SEED, candidates
from tests.agreement.tailwind_packages import PACKAGES, tokens
from tests.agreement.tools import Confusion, Report, npm, run_node, versions

COMPOSED = 20_000
LEAST_BY_TYPE = 0.995
LEAST_BY_TOKEN = 0.999
# The versions that wrote the table; a newer one is to be checked with a table that it wrote.
TOOLS = {"tailwindcss3": "npm:tailwindcss@3.4.19", "tailwindcss4": "npm:tailwindcss@4.3.5"}
_SCRIPT = Path(__file__).parent / "tailwind_compile.mjs"

Verdict = tuple[bool, bool]


def check(report: Report) -> None:
    """Compares on both corpora, by type and by occurrence."""
    modules = npm(TOOLS)
    report.say(f"{versions(modules, TOOLS)}; table from {data()['versions']}")
    composed = candidates(COMPOSED)
    attributes, literals = tokens()
    real = attributes + literals
    names = list(dict.fromkeys((*composed, *real)))
    answers = dict(zip(names, ((bool(v3), bool(v4)) for v3, v4 in run_node(_SCRIPT, modules, names)), strict=True))
    report.say(f"packages: {', '.join(f'{name} {version}' for name, version in PACKAGES.items())}")
    ours = {name: versions_of(name) for name in names}
    _compare(report, f"composed at random (seed {SEED})", Counter(composed), ours, answers)
    _compare(report, "packages, class attributes", attributes, ours, answers)
    _compare(report, "packages, other string literals", literals, ours, answers)
    _compare(report, "packages, all", real, ours, answers, by_token=True)


def _compare(
    report: Report,
    title: str,
    counts: Counter[str],
    ours: Mapping[str, Verdict],
    theirs: Mapping[str, Verdict],
    *,
    by_token: bool = False,
) -> None:
    by_type, weighted, v3, v4 = Confusion(), Confusion(), Confusion(), Confusion()
    for name, count in counts.items():
        mine, reference = ours[name], theirs[name]
        by_type.add(any(mine), any(reference), f"{name} (x{count})")
        weighted.add(any(mine), any(reference), name, count)
        v3.add(mine[0], reference[0], name)
        v4.add(mine[1], reference[1], name)
    by_type.show(report, f"{title}, v3 or v4, by type")
    report.require(f"{title}: agreement by type", by_type.agreement, LEAST_BY_TYPE)
    report.say(
        f"       v4 alone {v4.agreement:.4f}, v3 alone {v3.agreement:.4f}, by occurrence {weighted.agreement:.5f}"
    )
    if by_token:
        report.require(f"{title}: agreement by occurrence", weighted.agreement, LEAST_BY_TOKEN)
