"""Extraction: how often the code of a completion is recovered exactly, in every shape in which models answer.

The completions are built from the corpus, from components of our own and from prose of our own, so that the right
answer is known. White space is not compared.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from scorers import Completion, Language
from scorers.extraction import Found, extract
from tests.agreement import corpus
from tests.agreement.tools import Report

_EACH = 400

_BEFORE = (
    "Sure! Here is the page you asked for:",
    "Below is a complete, responsive page. It uses `flex` and **Tailwind**:\n\n1. a header\n2. a list",
    "I kept it simple: one <section> per topic, no scripts.",
    "### Plan\n\n- colors: slate, sky\n- layout: grid\n\nLet me write it.",
)
_AFTER = (
    "Let me know if you want any changes!",
    "**Notes**\n\n- The `<nav>` collapses on small screens.\n- Colors come from the theme.",
    "How it works:\n\n1. The header stays on top.\n2. Cards wrap.\n\nEnjoy.",
    "You can replace the picture with your own, e.g. `hero.png`; the rest needs no change.",
)
_THOUGHTS = (
    "The user wants a page. I could start with\n\n```html\n<div class='draft'>no</div>\n```\n\nbut no.",
    "Okay. <main> or <div>? Let me think:\n<!DOCTYPE html>\n<html><body>draft</body></html>\nNo, again.",
)
_BASH = "```bash\nnpm create vite@latest app\ncd app && npm install\n```"
_CSS = "```css\n.card > a { color: red; }\n```"
_JS = "```js\ndocument.querySelector('a').onclick = () => alert('<p>')\n```"

Shape = Callable[[str, random.Random], tuple[str, str]]


def _pick(chance: random.Random) -> tuple[str, str]:
    return chance.choice(_BEFORE), chance.choice(_AFTER)


def _fenced(info: str, fence: str = "```", indent: str = "") -> Shape:
    def build(code: str, chance: random.Random) -> tuple[str, str]:
        before, after = _pick(chance)
        return f"{before}\n\n{indent}{fence}{info}\n{code}\n{indent}{fence}\n\n{after}", code

    return build


def _unfenced(code: str, chance: random.Random) -> tuple[str, str]:
    before, after = _pick(chance)
    before = before.replace("<section>", "section")
    return f"{before}\n\n{code}\n\n{after}", code


def _bare(code: str, chance: random.Random) -> tuple[str, str]:
    return code, code


def _after_thought(opened: str) -> Shape:
    def build(code: str, chance: random.Random) -> tuple[str, str]:
        text, _ = _fenced("html")(code, chance)
        return f"{opened}{chance.choice(_THOUGHTS)}\n</think>\n\n{text}", code

    return build


def _cut(code: str, chance: random.Random) -> str:
    return code[: int(len(code) * chance.uniform(0.3, 0.95))].rstrip()


def _cut_fence(info: str) -> Shape:
    def build(code: str, chance: random.Random) -> tuple[str, str]:
        part = _cut(code, chance)
        return f"{chance.choice(_BEFORE)}\n\n```{info}\n{part}", part

    return build


def _cut_bare(code: str, chance: random.Random) -> tuple[str, str]:
    part = _cut(code, chance)
    return part, part


def _several(info: str) -> Shape:
    def build(code: str, chance: random.Random) -> tuple[str, str]:
        before, after = _pick(chance)
        blocks = [f"```{info}\n{code}\n```", _CSS, _JS]
        chance.shuffle(blocks)
        return "\n\nThen:\n\n".join((before, _BASH, *blocks, after)), code

    return build


def _two_fences(code: str, chance: random.Random) -> tuple[str, str]:
    smaller = "```html\n<p>Only a <b>hint</b></p>\n```"
    parts = [f"```html\n{code}\n```", smaller]
    chance.shuffle(parts)
    return "\n\nor\n\n".join(parts), code


def _keyword(code: str, chance: random.Random) -> tuple[str, str]:
    return f"<think>\n{chance.choice(_THOUGHTS)}\n</think>\nanswer\n{code}", code


def _crlf(code: str, chance: random.Random) -> tuple[str, str]:
    text, _ = _fenced("html")(code, chance)
    # Completions come to the extraction with their line ends already made one.
    return text.replace("\n", "\r\n").replace("\r\n", "\n"), code


def component(seed: int) -> str:
    """A React component in TypeScript, as models write it."""
    chance = random.Random(seed)
    name = chance.choice(("Hero", "PriceList", "TeamCard", "Newsletter"))
    head = chance.choice(("", '"use client"\n\n', f"// components/{name}.tsx\n"))
    imports = 'import React, { useState } from "react";\nimport {\n  Button,\n  Card,\n} from "@/components/ui";\n\n'
    types = f"interface {name}Props {{\n  title?: string;\n}}\n\n"
    items = ", ".join(f'"{corpus.words(chance, 1, 2)}"' for _ in range(3))
    body = (
        f"  const [open, setOpen] = useState<boolean>(false);\n  const items = [{items}];\n\n  return (\n"
        f"    <section {corpus.classes(chance).replace('class=', 'className=')}>\n      {{/* list */}}\n"
        "      <h1>{title}</h1>\n      {open && items.map((item) => (\n"
        "        <Card key={item} onClick={() => setOpen(false)}>\n"
        "          <p>{item}</p>\n          <br />\n        </Card>\n      ))}\n    </section>\n  );\n"
    )
    signature = f"({{ title = 'a' }}: {name}Props)"
    whole = chance.choice(
        (
            f"export default function {name}{signature} {{\n{body}}}",
            f"const {name} = {signature} => {{\n{body}}};\n\nexport default {name};",
            f"export const {name}: React.FC<{name}Props> = {signature} => {{\n{body}}}",
        )
    )
    return f"{head}{chance.choice((imports, ''))}{types}{whole}"


_DOCUMENTS: dict[str, Shape] = {
    "fenced, with prose": _fenced("html"),
    "unfenced, with prose": _unfenced,
    "bare": _bare,
    "thought with a draft": _after_thought("<think>\n"),
    "only the end of a thought": _after_thought(""),
    "cut fence": _cut_fence("html"),
    "cut, unfenced": _cut_bare,
    "bash, html, css, js": _several("html"),
    "file name in the info string": _fenced("html:index.html"),
    "title in the info string": _fenced('html title="index.html"'),
    "four backticks": _fenced("html", "````"),
    "tildes": _fenced("HTML", "~~~"),
    "untagged fence": _fenced(""),
    "indented fence": _fenced("html", indent="   "),
    "answer keyword": _keyword,
    "windows line ends": _crlf,
}
_FRAGMENTS: dict[str, Shape] = {
    "fenced, with prose": _fenced("html"),
    "two fences": _two_fences,
    "cut fence": _cut_fence("html"),
    "unfenced, with prose": _unfenced,
    "bash, html, css, js": _several("html"),
}
_COMPONENTS: dict[str, Shape] = {
    "fenced, with prose": _fenced("tsx"),
    "fence of JavaScript": _fenced("javascript"),
    "untagged fence": _fenced(""),
    "bash, tsx, css, js": _several("tsx"),
    "cut fence": _cut_fence("tsx"),
    "unfenced": _bare,
    "unfenced, with prose": _unfenced,
}
_CUT = ("cut fence", "cut, unfenced")


def check(report: Report) -> None:
    """Print the share of exact recoveries of each shape."""
    documents = [corpus.page(20_000 + seed) for seed in range(_EACH)]
    documents += [
        page for _, page in corpus.shipped() if page.lower().lstrip().startswith("<!doctype") and len(page) > 500
    ]
    fragments = [corpus.fragment(30_000 + seed) for seed in range(_EACH)]
    components = [component(seed) for seed in range(_EACH)]
    for kind, codes, shapes in (
        ("document", documents, _DOCUMENTS),
        ("fragment", fragments, _FRAGMENTS),
        ("component", components, _COMPONENTS),
    ):
        for name, shape in shapes.items():
            _measure(report, f"{kind}, {name}", codes, shape, cut=name in _CUT, html=kind != "component")


def _measure(report: Report, name: str, codes: list[str], shape: Shape, cut: bool, html: bool) -> None:
    exact, found = 0, Counter[str]()
    misses: list[str] = []
    for seed, code in enumerate(codes):
        text, wanted = shape(code.strip(), random.Random(seed))
        extraction = extract(Completion(text, truncated=cut))
        right = extraction.code.split() == wanted.split() and (extraction.language is Language.HTML) is html
        right = right and (not cut or extraction.cut)
        exact += right
        found[extraction.found.value] += 1
        if not right:
            misses.append(f"    {seed}: {extraction.found.value}, {len(extraction.code)} of {len(wanted)} characters")
    report.require(f"{name} (n {len(codes)}; {dict(found)})", exact / len(codes), 0.995)
    report.lines += misses[:5]
    if Found.NONE.value in found:
        report.say("    some were not found at all")
