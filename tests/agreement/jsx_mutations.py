"""Ways in which a model gets JSX wrong, and some in which it only seems to. What a mutation does to a file is for the
reference to say: each kind is named after what was done, not after what it should lead to."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from tests.agreement.mutating import Mutation, mutated, replace_one

_CLOSING = re.compile(r"</([\w.]+)>")
_SELF_CLOSING = re.compile(r" ?/>")
_ATTRIBUTE = re.compile(r'(?<=\s)([a-z][\w-]*)="([^"{}<>\n]*)"')
_CLASS = re.compile(r"\bclassName=")
_OPENING = re.compile(r"<([a-zA-Z][\w.]*)((?:\s[^<>{}]*)?)>(?=\s*[<{\w])")
_TEXT = re.compile(r">([^<>{}`'\"\n]*\w[^<>{}`'\"\n]*)</")
_ADJACENT_WORDS = re.compile(r"(</[\w.]+>)\s*(?=<[a-zA-Z])")


def mutations(code: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """One mutation of each kind that has a place in `code`: its name, the mutated code."""
    return mutated(code, MUTATIONS, chance)


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
    "drop close tag": replace_one(_CLOSING, ""),
    "drop open tag": replace_one(_OPENING, ""),
    "typo in close tag": replace_one(_CLOSING, lambda m: f"</{m[1]}x>"),
    "extra close tag": replace_one(_CLOSING, lambda m: m[0] + "</div>"),
    "misnested tags": _misnest,
    "drop slash of self-closing tag": replace_one(_SELF_CLOSING, ">"),
    "void br": replace_one(_TEXT, lambda m: f">{m[1]}<br></"),
    "missing }": replace_one("}", ""),
    "missing {": replace_one("{", ""),
    "extra }": replace_one("}", "}}"),
    "extra {": replace_one("{", "{{"),
    "missing )": replace_one(")", ""),
    "missing (": replace_one("(", ""),
    "missing =>": replace_one("=>", ""),
    "bare } in text": replace_one(_TEXT, lambda m: f">{m[1]} }} x</"),
    "bare > in text": replace_one(_TEXT, lambda m: f">{m[1]} -> x</"),
    "bare { in text": replace_one(_TEXT, lambda m: f">{m[1]} {{ x</"),
    "bare < in text": replace_one(_TEXT, lambda m: f">{m[1]} < 3</"),
    "stray <": replace_one(re.compile(r"\n(?=\s*<)"), "\n<"),
    "& in text": replace_one(_TEXT, lambda m: f">{m[1]} & more</"),
    "html comment": replace_one(_TEXT, lambda m: f"><!-- {m[1]} --></"),
    "unquoted attribute": replace_one(_ATTRIBUTE, lambda m: f"{m[1]}={m[2].split()[0] if m[2].split() else 'a'}"),
    "missing end quote": replace_one(_ATTRIBUTE, lambda m: f'{m[1]}="{m[2]}'),
    "missing start quote": replace_one(_ATTRIBUTE, lambda m: f'{m[1]}={m[2]}"'),
    "missing =": replace_one(_ATTRIBUTE, lambda m: f'{m[1]} "{m[2]}"'),
    "class attribute": replace_one(_CLASS, "class="),
    "string style": replace_one(_CLASS, 'style="color: red; top: 0" className='),
    "duplicate attribute": replace_one(_CLASS, 'className="a" className='),
    "vue event": replace_one(_CLASS, '@click="go" className='),
    "dotted attribute": replace_one(_CLASS, 'x-on:click.prevent="go" className='),
    "empty expression": replace_one(_CLASS, "title={} className="),
    "unclosed template literal": replace_one("`", ""),
    "unclosed string": replace_one(re.compile("(?<==)'|(?<=: )'"), ""),
    "unclosed fragment": replace_one("</>", ""),
    "unclosed comment": replace_one("*/}", ""),
    "missing > of tag": replace_one(re.compile(r"(?<=[\"}])>"), ""),
    "double comma": replace_one(", ", ",, "),
    "missing comma": replace_one(", ", " "),
    "adjacent roots": _adjacent_roots,
    "adjacent elements": replace_one(_ADJACENT_WORDS, lambda m: m[1]),
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
