"""Slips that a parser does not see: lines repeated, lost or swapped, names that meet, words that stand outside of what
they belong to. What a slip does to a file is for the references to say."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

Mutation = Callable[[str, random.Random], str | None]

_STATEMENT = re.compile(
    r"^\s*(?:const|let|var|function|class|import|export|return|type|interface|enum)\b.*", re.MULTILINE
)
_DECLARED = re.compile(r"\b(?:const|let|function|class)\s+(?:[\[{]\s*)?([A-Za-z_$][\w$]*)")
_EXPORTED = re.compile(r"export default ([A-Za-z_$][\w$]*);?\s*$", re.MULTILINE)
_INITIALIZED = re.compile(r"\bconst ([A-Za-z_$][\w$]*(?:: [\w.]+)?) = [^;\n{(\[`]+(?=[;\n])")
_JUMPS = (
    "break",
    "continue",
    "return null",
    "await load()",
    "yield 1",
    "export { missing }",
    "export default 1",
    "super.go()",
)


def mutations(code: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """One mutation of each kind that has a place in `code`: its name, the mutated code."""
    for name, mutate in MUTATIONS.items():
        mutated = mutate(code, chance)
        if mutated is not None and mutated != code:
            yield name, mutated


def _lines(change: Callable[[list[str], random.Random], None]) -> Mutation:
    def mutate(code: str, chance: random.Random) -> str | None:
        lines = code.split("\n")
        if len(lines) < 4:
            return None
        change(lines, chance)
        return "\n".join(lines)

    return mutate


def _repeat(lines: list[str], chance: random.Random) -> None:
    start, count = chance.randrange(len(lines)), chance.randint(1, 6)
    piece = lines[start : start + count]
    place = chance.choice((start + count, chance.randrange(len(lines))))
    lines[place:place] = piece


def _repeat_statement(code: str, chance: random.Random) -> str | None:
    found = list(_STATEMENT.finditer(code))
    if not found:
        return None
    one, other = chance.choice(found), chance.choice(found)
    return code[: other.start()] + one[0] + "\n" + code[other.start() :]


def _lose(lines: list[str], chance: random.Random) -> None:
    start = chance.randrange(len(lines))
    del lines[start : start + chance.randint(1, 3)]


def _swap(lines: list[str], chance: random.Random) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _insert(lines: list[str], chance: random.Random) -> None:
    lines.insert(chance.randrange(len(lines)), chance.choice(_JUMPS))


def _same_name(code: str, chance: random.Random) -> str | None:
    found = list(_DECLARED.finditer(code))
    if len(found) < 2:
        return None
    one, other = chance.sample(found, 2)
    return code[: one.start(1)] + other[1] + code[one.end(1) :]


def _other_export(code: str, chance: random.Random) -> str | None:
    match = _EXPORTED.search(code)
    return None if match is None else code[: match.start()] + f"export {{ {match[1]}x }}" + code[match.end() :]


def _replaced(pattern: re.Pattern[str], by: str) -> Mutation:
    def mutate(code: str, chance: random.Random) -> str | None:
        found = list(pattern.finditer(code))
        if not found:
            return None
        match = chance.choice(found)
        return code[: match.start()] + match.expand(by) + code[match.end() :]

    return mutate


MUTATIONS: dict[str, Mutation] = {
    "lines repeated": _lines(_repeat),
    "statement repeated": _repeat_statement,
    "lines lost": _lines(_lose),
    "lines swapped": _lines(_swap),
    "statement inserted": _lines(_insert),
    "one name for two": _same_name,
    "undefined export": _other_export,
    "async lost": _replaced(re.compile(r"\basync "), ""),
    "value lost": _replaced(_INITIALIZED, r"const \1"),
    "const for let": _replaced(re.compile(r"\blet (?=\w+;)"), "const "),
    "function head lost": _replaced(re.compile(r"^(?:export )?(?:default )?function \w+\([^()]*\)", re.MULTILINE), ""),
}
