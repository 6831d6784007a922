"""Ways in which a model gets a component wrong, and some in which it only seems to. What becomes of it is for the
framework's compiler to say: each kind is named after what was done."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from tests.agreement.mutating import Mutation, mutated, replace_one

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
    return mutated(code, MUTATIONS, chance)


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
    "drop close tag": replace_one(_CLOSE, ""),
    "drop open tag": replace_one(_OPEN, ""),
    "typo in close tag": replace_one(_CLOSE, lambda m: f"</{m[1]}x>"),
    "extra close tag": replace_one(_CLOSE, lambda m: m[0] + "</div>"),
    "misnested tags": _misnest,
    "optional end tag": replace_one(_OPTIONAL, ""),
    "drop slash of self-closing tag": replace_one(_SELF, ">"),
    "self-closing div": replace_one(_TEXT, lambda m: f">{m[1]}<div class='a' /></"),
    "void br": replace_one(_TEXT, lambda m: f">{m[1]}<br></"),
    "void end tag": replace_one(_TEXT, lambda m: f">{m[1]}<br></br></"),
    "open list item": replace_one(_TEXT, lambda m: f">{m[1]}<ul><li>a<li>b</ul></"),
    "div in p": replace_one(_TEXT, lambda m: f">{m[1]}<p>a<div>b</div></p></"),
    "missing }": replace_one("}", ""),
    "missing {": replace_one("{", ""),
    "extra }": replace_one("}", "}}"),
    "extra {": replace_one("{", "{{"),
    "missing )": replace_one(")", ""),
    "missing (": replace_one("(", ""),
    "missing =>": replace_one("=>", ""),
    "missing comma": replace_one(", ", " "),
    "double comma": replace_one(", ", ",, "),
    "missing quote": replace_one(_QUOTED, lambda m: m[0][:-1]),
    "missing first quote": replace_one(_QUOTED, lambda m: m[0].replace('"', "", 1).replace("'", "", 1)),
    "unquoted value": replace_one(_QUOTED, lambda m: m[0].replace('"', "").replace("'", "")),
    "duplicate attribute": replace_one(_QUOTED, lambda m: f"{m[0]} {m[0]}"),
    "bare < in text": replace_one(_TEXT, lambda m: f">{m[1]} < 3</"),
    "tag-like < in text": replace_one(_TEXT, lambda m: f">{m[1]} <b</"),
    "bare > in text": replace_one(_TEXT, lambda m: f">{m[1]} -> x</"),
    "bare } in text": replace_one(_TEXT, lambda m: f">{m[1]} }} x</"),
    "bare { in text": replace_one(_TEXT, lambda m: f">{m[1]} {{ x</"),
    "bare {{ in text": replace_one(_TEXT, lambda m: f">{m[1]} {{{{ x</"),
    "two words in braces": replace_one(_TEXT, lambda m: ">{{ a b }}</"),
    "html comment": replace_one(_TEXT, lambda m: f"><!-- {m[1]} --></"),
    "unclosed comment": replace_one("-->", ""),
    "missing > of tag": replace_one(re.compile(r"(?<=[\"}])>"), ""),
    "missing > of end tag": replace_one(_CLOSE, lambda m: m[0][:-1]),
    "unclosed template literal": replace_one("`", ""),
    "unclosed string": replace_one(re.compile("(?<=[( =])'"), ""),
    "drop end of block": replace_one(_BLOCK_END, ""),
    "drop {#": replace_one(_BLOCK_OPEN, ""),
    "drop {/": replace_one(_BLOCK_CLOSE, ""),
    "other {/": replace_one(_BLOCK_CLOSE, lambda m: "{/each}" if m[1] == "if" else "{/if}"),
    "extra {/": replace_one(_BLOCK_CLOSE, lambda m: m[0] * 2),
    "typo in {#": replace_one(_BLOCK_OPEN, lambda m: m[0].replace("{#", "{#x", 1)),
    "clause twice": replace_one(_BLOCK_CLAUSE, lambda m: m[0] * 2),
    "clause as elseif": replace_one("{:else if", "{:elseif"),
    "drop as": replace_one(re.compile(r"(?<=\{#each )([^{}]*) as "), lambda m: f"{m[1]} "),
    "in of loop": replace_one(re.compile(r"(?<=v-for=\")([^\"]*) (?:in|of) "), lambda m: f"{m[1]} "),
    "drop fence": replace_one(re.compile(r"^---$", re.MULTILINE), ""),
    "types in a script": replace_one(re.compile(r"\bconst (\w+) = "), lambda m: f"const {m[1]}: string = "),
    "markdown fence": lambda code, _: code + "```\n",
    "prose after code": lambda code, _: code + "\nThis component shows a page with three cards.\n",
    "truncated": lambda code, chance: code[: int(len(code) * chance.uniform(0.3, 0.9))],
    "truncated late": lambda code, chance: code[: int(len(code) * chance.uniform(0.9, 0.999))],
    "random deletion": lambda code, chance: _at(code, chance, ""),
    "random insertion": lambda code, chance: _at(code, chance, chance.choice("<>{}()[]'\"`/=;,.:?&|!")),
}
