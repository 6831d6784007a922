"""The demo's data: UI snippets with the request that asks for each, made from a seed, so nothing has to be downloaded.

A request names a component, a color, a tone, a corner style, a topic and sometimes React; each of these decides a
part of the answer, so a model that ignores its prompt cannot fit the data. What the request leaves open (spacing,
font weight, the neutral color) is drawn at random, which keeps the classes various. Every answer is one fenced
block of complete HTML or JSX, short enough for a model of a million parameters to learn within minutes.
"""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

SYSTEM_PROMPT = "You write UI components with Tailwind CSS. Answer with code only."

COLORS = (
    "red",
    "orange",
    "amber",
    "yellow",
    "lime",
    "green",
    "emerald",
    "teal",
    "cyan",
    "sky",
    "blue",
    "indigo",
    "violet",
    "purple",
    "fuchsia",
    "pink",
    "rose",
)
NEUTRALS = ("slate", "gray", "zinc", "neutral", "stone")

# A tone fixes the shades of (background, hover, text on it, surface, accent), as a designer would pair them.
TONES = {
    "light": ("200", "300", "900", "50", "700"),
    "bright": ("500", "600", "50", "100", "500"),
    "dark": ("800", "700", "100", "950", "400"),
}
CORNERS = {"square": "rounded-none", "rounded": "rounded-lg", "pill": "rounded-full"}

# A topic fixes (title, sentence, action).
TOPICS = {
    "bakery": ("Fresh bread", "Baked before sunrise", "Order now"),
    "bank": ("Savings", "Interest paid monthly", "Open account"),
    "clinic": ("Your visit", "Doctors near you", "Book"),
    "gym": ("Get strong", "Train at any hour", "Join"),
    "hotel": ("Stay with us", "Rooms by the sea", "Reserve"),
    "library": ("New books", "Read on every device", "Borrow"),
    "museum": ("Modern art", "Open until eight", "Get tickets"),
    "school": ("Courses", "Learn at your pace", "Enroll"),
    "shop": ("Summer sale", "Half price this week", "Buy"),
    "studio": ("Our work", "Design with care", "See more"),
    "theater": ("Tonight", "Doors open at seven", "Book seats"),
    "travel agency": ("Far away", "Trips for two", "Explore"),
}

# {bg} {hover} {on} {surface} {accent} {ink} are shades; see `_fields`. An element without content is written `<x />`,
# which HTML allows for void elements only, so that one text serves for HTML and for JSX.
COMPONENTS = {
    "button": """\
<button class="inline-flex items-center gap-2 {corner} bg-{bg} px-{pad} py-2 font-{weight} text-{on} hover:bg-{hover}">
  <span>{action}</span>
  <span class="text-sm opacity-75">{title}</span>
</button>""",
    "card": """\
<div class="max-w-sm {corner} border border-{accent} bg-{surface} p-{pad} shadow-md">
  <h2 class="text-xl font-{weight} text-{accent}">{title}</h2>
  <p class="mt-2 text-{ink}">{line}</p>
  <a href="#" class="mt-4 inline-block bg-{bg} text-{on}">{action}</a>
</div>""",
    "navbar": """\
<nav class="flex items-center justify-between bg-{bg} px-{pad} py-3 text-{on}">
  <a href="#" class="text-lg font-{weight}">{title}</a>
  <a href="#" class="{corner} px-3 py-1 hover:bg-{hover}">{action}</a>
</nav>""",
    "hero": """\
<section class="bg-{surface} py-16 text-center">
  <h1 class="text-4xl font-{weight} tracking-tight text-{accent}">{title}</h1>
  <p class="mx-auto mt-{pad} max-w-md text-{ink}">{line}</p>
  <button class="mt-6 {corner} bg-{bg} px-6 py-3 text-{on}">{action}</button>
</section>""",
    "alert": """\
<div role="alert" class="flex gap-3 {corner} border-l-4 border-{accent} bg-{surface} p-{pad}">
  <strong class="font-{weight} text-{accent}">{title}</strong>
  <p class="flex-1 text-sm text-{ink}">{line}</p>
  <button class="underline hover:text-{hover}">{action}</button>
</div>""",
    "badge": """\
<span class="inline-flex items-center gap-1 {corner} bg-{bg} px-{pad} py-1 text-xs font-{weight} text-{on}">
  <span class="h-2 w-2 rounded-full bg-{surface}"></span>
  {title}
</span>""",
    "form": """\
<form class="space-y-{pad} {corner} bg-{surface} p-6">
  <label class="block text-sm font-{weight} text-{ink}">{title}</label>
  <input type="email" class="w-full border border-{hover} px-3 py-2" />
  <button type="submit" class="w-full bg-{bg} py-2 text-{on}">{action}</button>
</form>""",
    "table": """\
<table class="w-full table-auto text-left text-{ink}">
  <thead class="bg-{bg} font-{weight} text-{on}">
    <tr><th class="p-{pad}">{title}</th><th>Price</th></tr>
  </thead>
  <tbody class="divide-y divide-{hover} bg-{surface}">
    <tr><td class="p-{pad}">{line}</td><td>{price}</td></tr>
  </tbody>
</table>""",
    "list": """\
<ul class="list-none divide-y divide-{accent} {corner} bg-{surface}">
  <li class="p-{pad} font-{weight} text-{accent}">{title}</li>
  <li class="p-{pad} text-{ink}">{line}</li>
  <li class="p-{pad} hover:bg-{hover}">{action}</li>
</ul>""",
    "pricing card": """\
<div class="flex flex-col {corner} bg-{surface} p-{pad} text-center ring-2 ring-{accent}">
  <h3 class="font-{weight} text-{ink}">{title}</h3>
  <p class="my-4 text-5xl text-{accent}">{price}</p>
  <button class="mt-auto {corner} bg-{bg} py-2 text-{on} hover:bg-{hover}">{action}</button>
</div>""",
    "modal": """\
<div class="fixed inset-0 flex items-center justify-center bg-black/50">
  <div class="w-96 {corner} bg-{surface} p-{pad} shadow-xl">
    <h2 class="text-lg font-{weight} text-{ink}">{title}</h2>
    <p class="py-3 text-{ink}">{line}</p>
    <button class="bg-{bg} px-4 text-{on}">{action}</button>
  </div>
</div>""",
    "footer": """\
<footer class="border-t-2 border-{hover} bg-{bg} py-{pad} text-{on}">
  <div class="container mx-auto flex flex-wrap gap-4">
    <p class="font-{weight}">{title}</p>
    <a href="#" class="{corner} hover:text-{surface}">{action}</a>
  </div>
</footer>""",
    "stats panel": """\
<dl class="grid grid-cols-2 gap-{pad} {corner} bg-{bg} text-{on}">
  <div class="p-4"><dt class="text-sm">{title}</dt><dd class="text-3xl font-{weight}">{price}</dd></div>
  <div class="p-4"><dt class="text-sm">{action}</dt><dd class="text-3xl text-{surface}">{share}</dd></div>
</dl>""",
    "tab bar": """\
<div class="flex border-b border-{accent} text-{ink}">
  <button class="border-b-2 border-{accent} px-{pad} font-{weight} text-{accent}">{title}</button>
  <button class="{corner} px-{pad} hover:bg-{hover}">{action}</button>
</div>
<p class="bg-{surface} p-4">{line}</p>""",
}

_REACT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Request:
    """What one prompt asks for; two equal requests have the same prompt."""

    component: str
    color: str
    tone: str
    corner: str
    topic: str
    react: bool

    @property
    def prompt(self) -> str:
        """The sentence a user would write."""
        react = " in React" if self.react else ""
        return (
            f"Create a {self.tone} {self.color} {self.component} with {self.corner} corners for a {self.topic}{react}."
        )


@dataclass(frozen=True, slots=True)
class Example:
    """One request and one good answer to it (a fenced code block)."""

    request: Request
    answer: str

    def messages(self) -> dict[str, list[dict[str, str]]]:
        """The chat record that trainers and uimon read: system, user and assistant turns."""
        return {
            "messages": [
                {"role": "system", "content": SYSTEM_PROMPT},
                {"role": "user", "content": self.request.prompt},
                {"role": "assistant", "content": self.answer},
            ]
        }


def _draw_request(rng: random.Random) -> Request:
    return Request(
        component=rng.choice(list(COMPONENTS)),
        color=rng.choice(COLORS),
        tone=rng.choice(list(TONES)),
        corner=rng.choice(list(CORNERS)),
        topic=rng.choice(list(TOPICS)),
        react=rng.random() < _REACT_SHARE,
    )


def _fields(request: Request, rng: random.Random) -> dict[str, str]:
    background, hover, on, surface, accent = TONES[request.tone]
    title, line, action = TOPICS[request.topic]
    return {
        "bg": f"{request.color}-{background}",
        "hover": f"{request.color}-{hover}",
        "on": f"{request.color}-{on}",
        "surface": f"{request.color}-{surface}",
        "accent": f"{request.color}-{accent}",
        "ink": f"{rng.choice(NEUTRALS)}-{rng.choice(('500', '600', '700'))}",
        "corner": CORNERS[request.corner],
        "pad": rng.choice(("2", "3", "4", "5", "6", "8")),
        "weight": rng.choice(("medium", "semibold", "bold", "black")),
        "title": title,
        "line": line,
        "action": action,
        "price": f"${rng.randint(1, 99)}",
        "share": f"{rng.randint(1, 99)}%",
    }


def _as_react(markup: str, component: str) -> str:
    name = component.title().replace(" ", "")
    body = markup.replace(' class="', ' className="')
    # JSX needs one root: the component with two is wrapped in a fragment.
    if component == "tab bar":
        body = f"<>\n{textwrap.indent(body, '  ')}\n</>"
    body = textwrap.indent(body, "    ")
    return f"export default function {name}() {{\n  return (\n{body}\n  );\n}}"


def answer(request: Request, rng: random.Random) -> str:
    """One good answer to a request: a ```` ```html ```` or ```` ```jsx ```` block; `rng` fills what was left open."""
    markup = COMPONENTS[request.component].format(**_fields(request, rng))
    if request.react:
        return f"```jsx\n{_as_react(markup, request.component)}\n```"
    return f"```html\n{markup}\n```"


def examples(seed: int, count: int) -> list[Example]:
    """`count` examples with distinct requests; the same seed gives the same list.

    >>> [e.request for e in examples(1, 5)] == [e.request for e in examples(1, 5)]
    True
    """
    rng = random.Random(seed)
    found: dict[Request, Example] = {}
    while len(found) < count:
        request = _draw_request(rng)
        if request not in found:
            found[request] = Example(request, answer(request, rng))
    return list(found.values())


class Collapse(StrEnum):
    """What can go wrong with the demo's training half-way; the value is what `uimon demo --collapse` is given.

    `BLUE`: every answer is blue, whatever was asked for. `LAYOUT`: every answer is the same component. `LR`: the
    learning rate is fifty times as high, which the data have no part in.
    """

    BLUE = "blue"
    LAYOUT = "layout"
    LR = "lr"


def collapsed(example: Example, collapse: Collapse, rng: random.Random) -> Example:
    """The same request with the answer that a collapsed data set would have.

    >>> example = examples(0, 1)[0]
    >>> "blue-" in collapsed(example, Collapse.BLUE, random.Random(0)).answer
    True
    """
    if collapse is Collapse.LR:
        return example
    odd = {"color": "blue"} if collapse is Collapse.BLUE else {"component": "card", "react": False}
    return Example(example.request, answer(replace(example.request, **odd), rng))


def _lines(items: Iterable[Example]) -> Iterator[str]:
    return (json.dumps(item.messages()) + "\n" for item in items)


def write_dataset(
    out: Path,
    *,
    seed: int = 0,
    train: int = 2400,
    val: int = 64,
    collapse: Collapse | None = None,
    healthy: int = 0,
) -> tuple[Path, Path]:
    """Write `train.jsonl` and `val.jsonl` (no request is in both) below `out` and return their paths.

    With a `collapse` the answers after the first `healthy` ones of `train.jsonl` are as it makes them.
    """
    out.mkdir(parents=True, exist_ok=True)
    drawn = examples(seed, train + val)
    train_path, val_path = out / "train.jsonl", out / "val.jsonl"
    rng = random.Random(seed)
    begun = val + healthy
    odd = [] if collapse is None else [collapsed(example, collapse, rng) for example in drawn[begun:]]
    lessons = drawn[val:] if collapse is None else [*drawn[val:begun], *odd]
    train_path.write_text("".join(_lines(lessons)), encoding="utf-8")
    val_path.write_text("".join(_lines(drawn[:val])), encoding="utf-8")
    return train_path, val_path
