"""Pages for the simulation of the early warnings: seeded, many layouts, palettes and classes, scored by the scorers.

A theme is what a prompt asks for (hues, neutral color, which sections, a dark page or a light one); a page draws the
rest anew, as a model does at temperature 0.7. Every page also comes broken (one end tag lost) and cut by the token
limit.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import scorers

# Roughly how often generated pages are led by each hue: a quarter to a third between blue and purple.
HUES = (
    *("blue", "blue", "blue", "blue", "indigo", "indigo", "violet", "purple", "purple", "red", "red", "rose", "orange"),
    *("amber", "amber", "green", "emerald", "emerald", "teal", "teal", "cyan", "sky", "pink"),
)
# What frameworks and brands call their blue and their red; none is a color of Tailwind's palette.
WRITTEN = {
    "blue": ("#2196f3", "#1976d2", "#3182ce", "#4a90e2", "#0056b3"),
    "red": ("#e53935", "#c62828", "#ef5350", "#d9363e"),
}
NEUTRALS = ("gray", "gray", "gray", "slate", "slate", "zinc")
DARK = 0.35
SHADES = ("50", "100", "200", "300", "400", "500", "600", "700", "800", "900")
BLUES = ("blue", "indigo", "violet", "purple")
_COLORED = re.compile(r"\b(bg|text|border|from|to|ring)-([a-z]+)-(\d{2,3})\b")
_WORDS = ("fast", "calm", "open", "team", "plan", "ocean", "stone", "light", "paper", "garden", "signal", "daily")
_BLOCKS = ("div", "div", "div", "section", "section", "section", "header", "ul", "form", "nav", "dl", "table")
# What cards hold; real pages share such patterns, so that the layouts of two pages are never wholly different.
_CARDS = (
    *(("h3", "p"), ("h3", "p", "a"), ("img", "h3", "p"), ("span", "p"), ("a",), ("p",), ("h2", "p", "button")),
    *(("label", "input"), ("svg", "span"), ("strong", "span", "a"), ("svg", "h3", "p", "a"), ("img", "span")),
)
LEAVES = ("h2", "h3", "p", "a", "span", "strong", "em", "button", "label", "img", "input", "small")
_WEIGHTS = (26, 8, 34, 24, 5, 3)
_SPACES = ("0.5", "1", "1.5", "2", "3", "4", "5", "6", "8", "10", "12", "16", "20", "24")


@dataclass(frozen=True, slots=True)
class Theme:
    """What one prompt asks for."""

    seed: int
    lead: str
    second: str
    neutral: str
    blocks: tuple[str, ...]
    dark: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """One page as it is, with an end tag lost, and cut off."""

    valid: scorers.Sample
    broken: scorers.Sample
    cut: scorers.Sample
    tags: int

    def of(self, outcome: scorers.Outcome) -> scorers.Sample:
        """The page with this outcome."""
        return {scorers.Outcome.INVALID: self.broken, scorers.Outcome.TRUNCATED: self.cut}.get(outcome, self.valid)


def theme(seed: int) -> Theme:
    """The theme of a prompt."""
    rng = random.Random(f"theme {seed}")
    blocks = tuple(rng.choice(_BLOCKS) for _ in range(rng.randint(3, 8)))
    colors = rng.choice(HUES), rng.choice(HUES), rng.choice(NEUTRALS)
    return Theme(seed, *colors, blocks, dark=rng.random() < DARK)


def page(
    wanted: Theme, variant: int, *, classes: Sequence[str] = (), layout: int | None = None, changed: float = 0.0
) -> str:
    """A page for a theme. With `classes` nothing else is used but colors; with `layout` its tags are that one's, but
    for the leaves that are `changed`, each with that chance.
    """
    rng = random.Random(f"page {wanted.seed} {variant}")
    shape = rng if layout is None else random.Random(f"layout {layout}")
    blocks = wanted.blocks if layout is None else theme(layout).blocks
    body = "\n".join(_block(tag, wanted, rng, shape, classes, changed) for tag in blocks)
    head = f'<!DOCTYPE html>\n<html lang="en"><head><title>{rng.choice(_WORDS)}</title></head>'
    ground = f"bg-{wanted.neutral}-900 text-white" if wanted.dark else f"bg-white text-{wanted.neutral}-900"
    return f'{head}\n<body class="{ground}">\n{body}\n</body></html>'


def _block(
    tag: str, wanted: Theme, rng: random.Random, shape: random.Random, classes: Sequence[str], changed: float
) -> str:
    # Cards of one block have the same tags, as in real pages.
    leaves = shape.choice(_CARDS)
    wrap = {"ul": "li", "table": "tr", "dl": "dd"}.get(tag, "div")
    lines = []
    for _ in range(shape.randint(2, 6)):
        own = [rng.choice(LEAVES) if changed and rng.random() < changed else leaf for leaf in leaves]
        inner = "".join(_leaf(leaf, wanted, rng, classes) for leaf in own)
        inner = f"<td>{inner}</td>" if wrap == "tr" else inner
        lines.append(f'<{wrap} class="{_classes(wanted, rng, classes)}">{inner}</{wrap}>')
    return f'<{tag} class="{_classes(wanted, rng, classes)}">\n' + "\n".join(lines) + f"\n</{tag}>"


def _leaf(tag: str, wanted: Theme, rng: random.Random, classes: Sequence[str]) -> str:
    attributes = f'class="{_classes(wanted, rng, classes)}"'
    if tag in ("img", "input"):
        return f"<{tag} {attributes}>"
    if tag == "svg":
        return f'<svg {attributes}><path d="M0 0h{rng.randint(1, 24)}"/></svg>'
    words = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 6)))
    return f"<{tag} {attributes}>{words}</{tag}>"


def _classes(wanted: Theme, rng: random.Random, classes: Sequence[str]) -> str:
    if classes:
        return " ".join(rng.sample(list(classes), 3))
    own = [_color(wanted, rng)] if rng.random() < 0.6 else []
    return " ".join([*own, *(_utility(rng) for _ in range(rng.randint(1, 5)))])


def _color(wanted: Theme, rng: random.Random) -> str:
    family = rng.choices((wanted.lead, wanted.second, wanted.neutral, "white", "black", rng.choice(HUES)), _WEIGHTS)[0]
    role = rng.choice(("bg", "text", "border", "from", "ring"))
    return f"{role}-{family}" if family in ("white", "black") else f"{role}-{family}-{rng.choice(SHADES)}"


def narrow_classes(count: int) -> tuple[str, ...]:
    """The few classes, colors among them, that a model without variety would use."""
    rng = random.Random("narrow")
    colors = [f"{role}-{hue}-500" for hue in ("blue", "gray", "rose", "teal", "amber") for role in ("bg", "text")]
    drawn = dict.fromkeys(_utility(rng) for _ in range(400))
    return (*colors, *list(drawn)[: count - len(colors)])


def _utility(rng: random.Random) -> str:
    kind = rng.randint(0, 7)
    if kind <= 2:
        room = rng.choice(("p", "px", "py", "m", "mt", "mb", "mx", "gap", "space-y", "w", "h", "top"))
        return f"{room}-{rng.choice(_SPACES)}"
    prefix = rng.choice(("", "", "", "md:", "lg:", "hover:", "sm:"))
    return prefix + rng.choice(
        (
            *(
                "flex",
                "grid",
                "block",
                "hidden",
                "relative",
                "absolute",
                "inline-flex",
                "items-center",
                "justify-between",
            ),
            *(
                "rounded",
                "rounded-lg",
                "rounded-full",
                "rounded-xl",
                "shadow",
                "shadow-md",
                "shadow-lg",
                "border",
                "underline",
            ),
            *(
                "text-xs",
                "text-sm",
                "text-lg",
                "text-xl",
                "text-2xl",
                "text-4xl",
                "text-center",
                "font-bold",
                "font-medium",
            ),
            *(
                "grid-cols-2",
                "grid-cols-3",
                "grid-cols-4",
                "col-span-2",
                "flex-col",
                "flex-wrap",
                "max-w-md",
                "max-w-7xl",
            ),
            *(
                "opacity-50",
                "opacity-75",
                "transition",
                "duration-300",
                "leading-tight",
                "tracking-wide",
                "overflow-hidden",
            ),
        )
    )


def recolored(text: str, to: Callable[[str], str]) -> str:
    """The page with every hue put through `to`; neutral colors too, so that `to` may keep them."""
    return _COLORED.sub(lambda match: f"{match[1]}-{to(match[2])}-{match[3]}", text)


def on_ground(text: str, classes: str) -> str:
    """The page on another ground, which these classes of its body make."""
    return re.sub(r'<body class="[^"]*">', f'<body class="{classes}">', text, count=1)


def themed(text: str, color: str) -> str:
    """The page with all of its hues in a theme, whose colors are shades of one color."""
    primary, accent, *_ = WRITTEN[color]
    chosen = f"<style>:root {{ --primary: {primary}; --accent: {accent} }}</style></head>"
    names = {0: "[var(--primary)]", 1: "[var(--accent)]"}
    place = iter(range(10**6))
    return _COLORED.sub(
        lambda m: m[0] if m[2] in NEUTRALS else f"{m[1]}-{names[next(place) % 2]}", text.replace("</head>", chosen, 1)
    )


def in_literals(text: str, color: str) -> str:
    """The page with every hue as one of the literals in `WRITTEN`."""
    chance = random.Random(text)
    return _COLORED.sub(lambda m: m[0] if m[2] in NEUTRALS else f"{m[1]}-[{chance.choice(WRITTEN[color])}]", text)


def in_one_color(text: str, seed: int) -> str:
    """The page with nearly everything in blue: what is left of the grays and of white is little."""
    rng = random.Random(f"one color {seed}")
    text = recolored(text, lambda family: "gray" if family in NEUTRALS and rng.random() < 0.3 else "blue")
    return re.sub(r"-(?:white|black)\b", lambda match: "-blue-500" if rng.random() < 0.5 else match[0], text)


def scored(text: str, seed: int) -> Scored:
    """A page, judged whole, broken and cut."""
    rng = random.Random(f"broken {seed}")
    ends = [
        match.span()
        for match in re.finditer(
            r"</(?:div|section|article|h3|span|a|button|nav|form|ul|dl|table|label|footer|strong)>", text
        )
    ]
    start, stop = rng.choice(ends)
    cut = text[: int(len(text) * rng.uniform(0.4, 0.9))]
    return Scored(
        scorers.score_sample(scorers.Completion(text)),
        scorers.score_sample(scorers.Completion(text[:start] + text[stop:])),
        scorers.score_sample(scorers.Completion(cut, truncated=True)),
        text.count("<"),
    )
