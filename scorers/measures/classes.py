"""Which class names of a page are Tailwind utilities, which do nothing, and how often each occurs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from scorers.measures.dead_classes import dead_classes
from scorers.page import Page
from scorers.tailwind.utility import MAX_CLASS_LENGTH, Utility, parse_utility


@dataclass(frozen=True, slots=True)
class ClassCount:
    """`utilities` maps each utility, as written, to its occurrences; `parsed` to its parts; `tokens` counts all class
    names, utilities or not; `others` are the class names that are no utilities, `dead` those of them that nothing knows
    (`dead_classes`). `judged` is the number of class names among which `dead` were looked for: `tokens`, or 0 where the
    page's CSS lies elsewhere."""

    utilities: Counter[str]
    parsed: dict[str, Utility]
    tokens: int
    others: Counter[str]
    dead: Counter[str] = field(default_factory=Counter)
    judged: int = 0


def count_classes(page: Page) -> ClassCount:
    """Counts a page's class names.

    `hover:flex` and `flex` are two utilities. A name counts if Tailwind knows it or the page's own theme does.

    >>> count = count_classes(Page((), ("p-4", "p-4", "card", "group"), (), (), loose_names=("mt-1", "x-ray")))
    >>> dict(count.utilities), count.tokens
    ({'p-4': 2, 'mt-1': 1}, 5)
    """
    additions = page.theme.additions
    names = Counter(page.class_names)
    loose = Counter(page.loose_names)
    parsed: dict[str, Utility] = {}
    for name in (*names, *loose):
        if name not in parsed and len(name) <= MAX_CLASS_LENGTH:
            utility = parse_utility(name, additions)
            if utility is not None:
                parsed[name] = utility
    utilities: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for name, count in names.items():
        (utilities if name in parsed else others)[name] = count
    for name, count in loose.items():
        if name in parsed:
            utilities[name] += count
    tokens = utilities.total() + others.total()
    if page.mentions is None:
        return ClassCount(utilities, parsed, tokens, others)
    return ClassCount(utilities, parsed, tokens, others, dead_classes(others, page.mentions), tokens)
