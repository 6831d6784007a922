"""Extraction: whether code, outcome and classes are recovered, in every shape in which models answer.

The completions are built from the corpus, from components of our own and from talk of our own, so that the right
answer is known from how they were made. White space is not compared.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from scorers import Completion, Language, Outcome, score_sample
from scorers.extraction import extract
from scorers.language import LANGUAGES
from scorers.measures.classes import count_classes
from scorers.page import make_page
from tests.agreement import corpus
from tests.agreement.answer_catalog import shapes
from tests.agreement.answer_shapes import File, Shape
from tests.agreement.tools import Report

_EACH = int(os.environ.get("UIMON_EXTRACTION_EACH", "40"))
_LANGUAGES = {"html": Language.HTML, "tsx": Language.TSX, "css": Language.CSS, "js": Language.JS}


@dataclass
class _Tally:
    exact: int = 0
    scored: int = 0
    truncated: int = 0
    n: int = 0
    cuts: int = 0
    misses: list[str] = field(default_factory=list)


def check(report: Report) -> None:
    """Print the shares of exact recoveries, of right scores and of cuts that were seen, of each shape."""
    answers = {
        kind: [make(kind, seed) for seed in range(_EACH)] for kind in ("document", "fragment", "component", "several")
    }
    wanted = {kind: [_pure(files) for files in made] for kind, made in answers.items()}
    for shape in shapes():
        for kind in shape.kinds:
            tally = _measure(shape, answers[kind], wanted[kind])
            name = f"{shape.name}, {kind} (n {tally.n})"
            report.require(f"{name}: exact", tally.exact / tally.n, 0.995)
            report.require(f"{name}: outcome and classes", tally.scored / tally.n, 0.995)
            if tally.cuts:
                report.require(f"{name}: cut", tally.truncated / tally.cuts, 0.99)
            report.lines += tally.misses[:3]


def make(kind: str, seed: int) -> list[File]:
    """The files of one answer."""
    if kind == "document":
        return [File("index.html", "html", corpus.page(20_000 + seed).strip())]
    if kind == "fragment":
        return [File("index.html", "html", corpus.fragment(30_000 + seed).strip())]
    if kind == "component":
        return [File("src/App.tsx", "tsx", component(seed).strip())]
    chance = random.Random(seed)
    css = File("src/index.css", "css", ":root {\n  --brand: #123;\n}\n\n.card > a {\n  color: red;\n}")
    if seed % 4 == 0:
        script = File("main.js", "js", "document.querySelector('a').onclick = () => alert('hi');")
        files = [File("index.html", "html", corpus.page(20_000 + seed).strip()), css, script]
    else:
        names = chance.sample(_NAMES, 3)
        files = [File(f"src/{name}.tsx", "tsx", component(3 * seed + n, name).strip()) for n, name in enumerate(names)]
        files.append(css)
    chance.shuffle(files)
    return files


_NAMES = ("Hero", "PriceList", "TeamCard", "Newsletter", "Layout", "Page")


def component(seed: int, name: str = "") -> str:
    """A React component in TypeScript, as models write it."""
    chance = random.Random(seed)
    name = name or chance.choice(_NAMES)
    head = chance.choice(("", '"use client"\n\n', f"// components/{name}.tsx\n"))
    imports = 'import React, { useState } from "react";\nimport {\n  Button,\n  Card,\n} from "@/components/ui";\n\n'
    types = f"interface {name}Props {{\n  title?: string;\n}}\n\n"
    items = ", ".join(f'"{corpus.words(chance, 1, 2)}"' for _ in range(3))
    body = (
        f"  const [open, setOpen] = useState<boolean>(false);\n  const items = [{items}];\n\n  return (\n"
        f"    <section {corpus.classes(chance).replace('class=', 'className=')}>\n      {{/* list */}}\n"
        "      <h1>{title}, it's open</h1>\n      {open && items.map((item) => (\n"
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


@dataclass(frozen=True)
class _Pure:
    """What scoring the files alone says."""

    outcome: Outcome
    classes: tuple[tuple[str, int], ...]


def _pure(files: Sequence[File]) -> _Pure:
    readings = [LANGUAGES[_LANGUAGES[file.language]].read(file.code) for file in files]
    classes = count_classes(make_page([reading.contents for reading in readings])).utilities
    valid = all(reading.verdict.valid for reading in readings)
    return _Pure(Outcome.VALID if valid else Outcome.INVALID, tuple(sorted(classes.items())))


def _measure(shape: Shape, answers: Sequence[list[File]], wanted: Sequence[_Pure]) -> _Tally:
    tally = _Tally()
    for seed, (files, pure) in enumerate(zip(answers, wanted, strict=True)):
        pieces = shape.build(files, random.Random(seed))
        text = "".join(text for text, _ in pieces)
        found = extract(Completion(text))
        sample = score_sample(Completion(text))
        exact = sorted(file.code.split() for file in found.files) == sorted(file.code.split() for file in files)
        scored = (sample.outcome, sample.classes) == (pure.outcome, pure.classes)
        tally.n += 1
        tally.exact += exact
        tally.scored += scored
        if not (exact and scored):
            sizes = [len(file.code) for file in found.files]
            tally.misses.append(
                f"    {seed}: {found.found.value}, {sample.outcome.value}, {sizes} of {[len(f.code) for f in files]}"
            )
        if shape.cuttable and seed % 2 == 0:
            cut = cut_in_code(pieces, random.Random(seed))
            tally.cuts += 1
            outcome = score_sample(Completion(cut, truncated=True)).outcome
            tally.truncated += outcome is Outcome.TRUNCATED
            if outcome is not Outcome.TRUNCATED:
                tally.misses.append(f"    {seed}: {outcome.value} when cut after {cut[-60:]!r}")
    return tally


def cut_in_code(pieces: Sequence[tuple[str, bool]], chance: random.Random) -> str:
    """The completion, cut where 30 to 90 % of its code was written."""
    left = int(sum(len(text) for text, code in pieces if code) * chance.uniform(0.3, 0.9))
    cut = ""
    for text, code in pieces:
        if code and len(text) > left:
            return cut + text[: max(1, left)]
        left -= len(text) if code else 0
        cut += text
    return cut
