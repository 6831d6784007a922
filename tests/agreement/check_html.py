"""HTML: our verdict against the Nu Html Checker's, on clean pages, mutated pages and randomly edited pages."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from scorers.html.check import check_html
from tests.agreement import corpus, vnu
from tests.agreement.html_mutations import MUTATIONS, random_edit
from tests.agreement.tools import Confusion, Report

_PAGES = 300
_FRAGMENTS = 100
_MUTATED_EACH = 40
_EDITS = 1_000
_SHIPPED_EDITS = 500
# So that a piece of a page is judged as one, and not for its missing doctype.
_AROUND = "<!doctype html><html lang=en><head><title>t</title></head><body>\n{}\n</body></html>"


@dataclass(frozen=True, slots=True)
class Case:
    """A page to judge: its group, its mutation, what to call it, and what the reference reads instead of it."""

    group: str
    kind: str
    name: str
    code: str
    reference: str = ""


def check(report: Report) -> None:
    """Print the matrices and every disagreement; targets are those of the docs."""
    cases = list(_cases())
    labels = vnu.verdicts([case.reference or case.code for case in cases])
    groups: dict[str, Confusion] = defaultdict(Confusion)
    kinds: dict[str, Confusion] = defaultdict(Confusion)
    for case, label in zip(cases, labels, strict=True):
        issues = check_html(case.code).issues
        first = f"{issues[0].position.line}: {issues[0].message}" if issues else ""
        what = f"{case.kind} {case.name}: {(label or [first])[0]}"
        groups[case.group].add(bool(issues), bool(label), what)
        if case.group == "mutations":
            kinds[case.kind].add(bool(issues), bool(label), what)
    report.say(f"vnu-jar {vnu.VERSION}; {len(cases)} pages")
    for group, matrix in groups.items():
        matrix.show(report, group)
    for kind, matrix in sorted(kinds.items()):
        report.say(
            f"  {kind}: n {matrix.total}, broken {matrix.both + matrix.theirs_only}, agree {matrix.agreement:.4f}"
        )
    report.at_most("generated pages that are not clean", groups["clean"].both + groups["clean"].theirs_only, 0)
    report.at_most("false alarms on clean pages", groups["clean"].ours_only + groups["shipped"].ours_only, 0)
    report.require("agreement on mutations", groups["mutations"].agreement, 0.999)
    report.require("agreement on random edits of whole documents", groups["edited documents"].agreement, 0.985)
    report.require("agreement on random edits of shipped pages", groups["edited shipped pages"].agreement, 0.985)
    report.require("agreement on random edits of bodies", groups["edited bodies"].agreement, 0.985)


def _cases() -> Iterator[Case]:
    pages = [corpus.page(seed) for seed in range(_PAGES)]
    shipped = list(corpus.shipped())
    for number, page in enumerate(pages):
        yield Case("clean", "page", str(number), page)
    for seed in range(_FRAGMENTS):
        fragment = corpus.fragment(10_000 + seed)
        yield Case("clean", "fragment", str(seed), fragment, _AROUND.format(fragment))
    for name, page in shipped:
        yield Case("shipped", "page", name, page)
    yield from _mutated(pages, [page for _, page in shipped])
    for seed in range(_EDITS):
        chance = random.Random(f"document {seed}")
        page = chance.choice(pages)
        yield Case("edited documents", "edit", str(seed), random_edit(page, chance))
        yield Case("edited bodies", "edit", str(seed), random_edit(page, chance, page.lower().find("<body") + 1))
    for seed in range(_SHIPPED_EDITS):
        chance = random.Random(f"shipped {seed}")
        name, page = chance.choice(shipped)
        yield Case("edited shipped pages", "edit", f"{seed} {name}", random_edit(page, chance))


def _mutated(pages: list[str], shipped: list[str]) -> Iterator[Case]:
    for kind, mutate in MUTATIONS.items():
        made = 0
        for seed in range(_MUTATED_EACH * 4):
            chance = random.Random(f"{kind} {seed}")
            page = chance.choice(shipped if seed % 4 == 3 else pages)
            changed = mutate(page, chance)
            if changed is not None and made < _MUTATED_EACH:
                made += 1
                yield Case("mutations", kind, str(seed), changed)
