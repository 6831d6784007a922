"""Ways in which a model gets JSX wrong, and some in which it only seems to. What a mutation does to a file is for the
reference to say: each kind is named after what was done, not after what it should lead to."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

Mutation = Callable[[str, random.Random], str | None]

_CLOSING = re.compile(r"</([\w.]+)>")
_SELF_CLOSING = re.compile(r" ?/>")
_ATTRIBUTE = re.compile(r'(?<=\s)([a-z][\w-]*)="([^"{}<>\n]*)"')
_CLASS = re.compile(r"\bclassName=")
_OPENING = re.compile(r"<([a-zA-Z][\w.]*)((?:\s[^<>{}]*)?)>(?=\s*[<{\w])")
_TEXT = re.compile(r">([^<>{}`'\"\n]*\w[^<>{}`'\"\n]*)</")
_ADJACENT_WORDS = re.compile(r"(</[\w.]+>)\s*(?=<[a-zA-Z])")


def mutations(code: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """One mutation of each kind that has a place in `code`: its name, the mutated code."""
    for name, mutate in MUTATIONS.items():
        mutated = mutate(code, chance)
        if mutated is not None and mutated != code:
            yield name, mutated


def _replace(pattern: re.Pattern[str] | str, by: Callable[[re.Match[str]], str] | str) -> Mutation:
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


def _cut(least: float, most: float) -> Mutation:
    return lambda code, chance: code[: int(len(code) * chance.uniform(least, most))]


def _tail(code: str, chance: random.Random) -> str | None:
    """Only closers are lost: what a token limit does just before the end."""
    match = re.search(r"(?:</[\w.]*>|[\s)};]){4,}\Z", code)
    return None if match is None else code[: chance.randint(match.start() + 1, match.end() - 2)]


def _misnest(code: str, chance: random.Random) -> str | None:
    pairs = [m for m in re.finditer(r"</([\w.]+)>(\s*)</([\w.]+)>", code) if m[1] != m[3]]
    if not pairs:
        return None
    match = chance.choice(pairs)
    return code[: match.start()] + f"</{match[3]}>{match[2]}</{match[1]}>" + code[match.end() :]


def _adjacent_roots(code: str, chance: random.Random) -> str | None:
    match = re.search(r"return \(\s*(<[\s\S]*>)\s*\)", code)
    return None if match is None else code[: match.end(1)] + "\n<p>more</p>" + code[match.end(1) :]


MUTATIONS: dict[str, Mutation] = {
    "drop close tag": _replace(_CLOSING, ""),
    "drop open tag": _replace(_OPENING, ""),
    "typo in close tag": _replace(_CLOSING, lambda m: f"</{m[1]}x>"),
    "extra close tag": _replace(_CLOSING, lambda m: m[0] + "</div>"),
    "misnested tags": _misnest,
    "drop slash of self-closing tag": _replace(_SELF_CLOSING, ">"),
    "void br": _replace(_TEXT, lambda m: f">{m[1]}<br></"),
    "missing }": _replace("}", ""),
    "missing {": _replace("{", ""),
    "extra }": _replace("}", "}}"),
    "extra {": _replace("{", "{{"),
    "missing )": _replace(")", ""),
    "missing (": _replace("(", ""),
    "missing =>": _replace("=>", ""),
    "bare } in text": _replace(_TEXT, lambda m: f">{m[1]} }} x</"),
    "bare > in text": _replace(_TEXT, lambda m: f">{m[1]} -> x</"),
    "bare { in text": _replace(_TEXT, lambda m: f">{m[1]} {{ x</"),
    "bare < in text": _replace(_TEXT, lambda m: f">{m[1]} < 3</"),
    "stray <": _replace(re.compile(r"\n(?=\s*<)"), "\n<"),
    "& in text": _replace(_TEXT, lambda m: f">{m[1]} & more</"),
    "html comment": _replace(_TEXT, lambda m: f"><!-- {m[1]} --></"),
    "unquoted attribute": _replace(_ATTRIBUTE, lambda m: f"{m[1]}={m[2].split()[0] if m[2].split() else 'a'}"),
    "missing end quote": _replace(_ATTRIBUTE, lambda m: f'{m[1]}="{m[2]}'),
    "missing start quote": _replace(_ATTRIBUTE, lambda m: f'{m[1]}={m[2]}"'),
    "missing =": _replace(_ATTRIBUTE, lambda m: f'{m[1]} "{m[2]}"'),
    "class attribute": _replace(_CLASS, "class="),
    "string style": _replace(_CLASS, 'style="color: red; top: 0" className='),
    "duplicate attribute": _replace(_CLASS, 'className="a" className='),
    "vue event": _replace(_CLASS, '@click="go" className='),
    "dotted attribute": _replace(_CLASS, 'x-on:click.prevent="go" className='),
    "empty expression": _replace(_CLASS, "title={} className="),
    "unclosed template literal": _replace("`", ""),
    "unclosed string": _replace(re.compile("(?<==)'|(?<=: )'"), ""),
    "unclosed fragment": _replace("</>", ""),
    "unclosed comment": _replace("*/}", ""),
    "missing > of tag": _replace(re.compile(r"(?<=[\"}])>"), ""),
    "double comma": _replace(", ", ",, "),
    "missing comma": _replace(", ", " "),
    "adjacent roots": _adjacent_roots,
    "adjacent elements": _replace(_ADJACENT_WORDS, lambda m: m[1]),
    "markdown fence": lambda code, _: code + "```\n",
    "prose after code": lambda code, _: code + "\nThis component shows a page with three cards.\n",
    "truncated": _cut(0.3, 0.9),
    "truncated late": _cut(0.9, 0.999),
    "truncated tail": _tail,
    "random deletion": lambda code, chance: _at(code, chance, ""),
    "random insertion": lambda code, chance: _at(code, chance, chance.choice("<>{}()[]'\"`/=;,.:?&|!")),
}


def _at(code: str, chance: random.Random, new: str) -> str:
    place = chance.randrange(max(1, len(code)))
    return code[:place] + new + code[place + (new == "") :]
