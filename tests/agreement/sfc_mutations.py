"""Ways in which a model gets a component wrong, and some in which it only seems to. What becomes of it is for the
framework's compiler to say: each kind is named after what was done."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

Mutation = Callable[[str, random.Random], str | None]

_CLOSE = re.compile(r"</([\w.:-]+)>")
_OPEN = re.compile(r"<[A-Za-z][\w.-]*(?:\s[^<>{}]*)?>")
_SELF = re.compile(r" ?/>")
_QUOTED = re.compile(r"(?<=\s)[\w@:#.-]+=(\"[^\"\n]*\"|'[^'\n]*')")
_TEXT = re.compile(r">([^<>{}`'\"\n]*\w[^<>{}`'\"\n]*)</")
_BLOCK_OPEN = re.compile(r"\{#(?:if|each|await|key|snippet)\b[^{}]*\}")
_BLOCK_CLOSE = re.compile(r"\{/(if|each|await|key|snippet)\}")
_BLOCK_CLAUSE = re.compile(r"\{:(?:else|then|catch)[^{}]*\}")
_OPTIONAL = re.compile(r"</(?:li|p|td|tr|dt|dd|option)>")
_BLOCK_END = re.compile(r"</(?:script|style|template)>")


def mutations(code: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """One mutation of each kind that has a place in `code`: its name, the mutated code."""
    for name, mutate in MUTATIONS.items():
        mutated = mutate(code, chance)
        if mutated is not None and mutated != code:
            yield name, mutated


def _replace(pattern: re.Pattern[str] | str, by: Callable[[re.Match[str]], str] | str) -> Mutation:
    wanted = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern

    def mutate(code: str, chance: random.Random) -> str | None:
        matches = list(wanted.finditer(code))
        if not matches:
            return None
        match = chance.choice(matches)
        return code[: match.start()] + (by if isinstance(by, str) else by(match)) + code[match.end() :]

    return mutate


def _misnest(code: str, chance: random.Random) -> str | None:
    pairs = [m for m in re.finditer(r"</([\w.-]+)>(\s*)</([\w.-]+)>", code) if m[1] != m[3]]
    if not pairs:
        return None
    match = chance.choice(pairs)
    return code[: match.start()] + f"</{match[3]}>{match[2]}</{match[1]}>" + code[match.end() :]


def _at(code: str, chance: random.Random, new: str) -> str:
    place = chance.randrange(max(1, len(code)))
    return code[:place] + new + code[place + (new == "") :]


MUTATIONS: dict[str, Mutation] = {
    "drop close tag": _replace(_CLOSE, ""),
    "drop open tag": _replace(_OPEN, ""),
    "typo in close tag": _replace(_CLOSE, lambda m: f"</{m[1]}x>"),
    "extra close tag": _replace(_CLOSE, lambda m: m[0] + "</div>"),
    "misnested tags": _misnest,
    "optional end tag": _replace(_OPTIONAL, ""),
    "drop slash of self-closing tag": _replace(_SELF, ">"),
    "self-closing div": _replace(_TEXT, lambda m: f">{m[1]}<div class='a' /></"),
    "void br": _replace(_TEXT, lambda m: f">{m[1]}<br></"),
    "void end tag": _replace(_TEXT, lambda m: f">{m[1]}<br></br></"),
    "open list item": _replace(_TEXT, lambda m: f">{m[1]}<ul><li>a<li>b</ul></"),
    "div in p": _replace(_TEXT, lambda m: f">{m[1]}<p>a<div>b</div></p></"),
    "missing }": _replace("}", ""),
    "missing {": _replace("{", ""),
    "extra }": _replace("}", "}}"),
    "extra {": _replace("{", "{{"),
    "missing )": _replace(")", ""),
    "missing (": _replace("(", ""),
    "missing =>": _replace("=>", ""),
    "missing comma": _replace(", ", " "),
    "double comma": _replace(", ", ",, "),
    "missing quote": _replace(_QUOTED, lambda m: m[0][:-1]),
    "missing first quote": _replace(_QUOTED, lambda m: m[0].replace('"', "", 1).replace("'", "", 1)),
    "unquoted value": _replace(_QUOTED, lambda m: m[0].replace('"', "").replace("'", "")),
    "duplicate attribute": _replace(_QUOTED, lambda m: f"{m[0]} {m[0]}"),
    "bare < in text": _replace(_TEXT, lambda m: f">{m[1]} < 3</"),
    "tag-like < in text": _replace(_TEXT, lambda m: f">{m[1]} <b</"),
    "bare > in text": _replace(_TEXT, lambda m: f">{m[1]} -> x</"),
    "bare } in text": _replace(_TEXT, lambda m: f">{m[1]} }} x</"),
    "bare { in text": _replace(_TEXT, lambda m: f">{m[1]} {{ x</"),
    "bare {{ in text": _replace(_TEXT, lambda m: f">{m[1]} {{{{ x</"),
    "two words in braces": _replace(_TEXT, lambda m: ">{{ a b }}</"),
    "html comment": _replace(_TEXT, lambda m: f"><!-- {m[1]} --></"),
    "unclosed comment": _replace("-->", ""),
    "missing > of tag": _replace(re.compile(r"(?<=[\"}])>"), ""),
    "missing > of end tag": _replace(_CLOSE, lambda m: m[0][:-1]),
    "unclosed template literal": _replace("`", ""),
    "unclosed string": _replace(re.compile("(?<=[( =])'"), ""),
    "drop end of block": _replace(_BLOCK_END, ""),
    "drop {#": _replace(_BLOCK_OPEN, ""),
    "drop {/": _replace(_BLOCK_CLOSE, ""),
    "other {/": _replace(_BLOCK_CLOSE, lambda m: "{/each}" if m[1] == "if" else "{/if}"),
    "extra {/": _replace(_BLOCK_CLOSE, lambda m: m[0] * 2),
    "typo in {#": _replace(_BLOCK_OPEN, lambda m: m[0].replace("{#", "{#x", 1)),
    "clause twice": _replace(_BLOCK_CLAUSE, lambda m: m[0] * 2),
    "clause as elseif": _replace("{:else if", "{:elseif"),
    "drop as": _replace(re.compile(r"(?<=\{#each )([^{}]*) as "), lambda m: f"{m[1]} "),
    "in of loop": _replace(re.compile(r"(?<=v-for=\")([^\"]*) (?:in|of) "), lambda m: f"{m[1]} "),
    "drop fence": _replace(re.compile(r"^---$", re.MULTILINE), ""),
    "types in a script": _replace(re.compile(r"\bconst (\w+) = "), lambda m: f"const {m[1]}: string = "),
    "markdown fence": lambda code, _: code + "```\n",
    "prose after code": lambda code, _: code + "\nThis component shows a page with three cards.\n",
    "truncated": lambda code, chance: code[: int(len(code) * chance.uniform(0.3, 0.9))],
    "truncated late": lambda code, chance: code[: int(len(code) * chance.uniform(0.9, 0.999))],
    "random deletion": lambda code, chance: _at(code, chance, ""),
    "random insertion": lambda code, chance: _at(code, chance, chance.choice("<>{}()[]'\"`/=;,.:?&|!")),
}
