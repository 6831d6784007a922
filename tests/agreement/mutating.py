"""Kinds of mutations: what a model may do wrong to some code, by its name."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping

Mutation = Callable[[str, random.Random], str | None]


def mutated(code: str, kinds: Mapping[str, Mutation], chance: random.Random) -> Iterator[tuple[str, str]]:
    """One mutation of each kind that has a place in `code`: its name, the mutated code."""
    for name, mutate in kinds.items():
        changed = mutate(code, chance)
        if changed is not None and changed != code:
            yield name, changed


def replace_one(pattern: re.Pattern[str] | str, by: Callable[[re.Match[str]], str] | str) -> Mutation:
    """Changes one match, any of them."""
    wanted = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern

    def mutate(code: str, chance: random.Random) -> str | None:
        matches = list(wanted.finditer(code))
        if not matches:
            return None
        match = chance.choice(matches)
        new = by if isinstance(by, str) else by(match)
        return code[: match.start()] + new + code[match.end() :]

    return mutate
