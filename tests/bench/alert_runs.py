"""Synthetic runs for the early warnings: checkpoints whose samples are drawn from scored pages.

A healthy run learns first (its pages are fragments, then pages that often break, then good ones) and then goes on: a
prompt keeps its page from one checkpoint to the next half of the time, long pages break more often than short ones, and
the rate at which they break wanders. Perplexities are those of a small language model that is trained on the demo's
data and forgets, so that its curve has the noise of a real one.
"""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import scorers
from scorers.metrics.similarity import similarity
from scorers.sample import Outcome, Sample
from tests.bench.alert_pages import (
    BLUES,
    NEUTRALS,
    Scored,
    in_literals,
    in_one_color,
    narrow_classes,
    on_ground,
    page,
    recolored,
    scored,
    theme,
    themed,
)
from watcher.alerts import Entry
from watcher.alerts.history import PERPLEXITY
from watcher.alerts.measures import measure
from watcher.demo.dataset import Request, answer, examples

INTERVAL = 50
CURVES = 40
INVALID = 0.05
PROMPTS, VARIANTS = 128, 4
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Pages by kind (`healthy` or a collapse), prompt and variant; `early` are fragments; `references` as a watcher
    would know them.
    """

    name: str
    pages: Mapping[str, Sequence[Sequence[Scored]]]
    early: Mapping[str, Sequence[Sample]]
    references: Mapping[str, float | None]


def generated_corpus() -> Corpus:
    """Full pages, many layouts; references as for the demo's data."""
    themes = [theme(seed) for seed in range(PROMPTS)]
    narrow = narrow_classes(30)
    kinds = {
        "healthy": [[page(t, v) for v in range(VARIANTS)] for t in themes],
        "layout": [[page(t, v, layout=3) for v in range(2)] for t in themes],
        "template 10 %": [[page(t, v, layout=3, changed=0.10) for v in range(2)] for t in themes],
        "template 25 %": [[page(t, v, layout=3, changed=0.25) for v in range(2)] for t in themes],
        "narrow": [[page(t, v, classes=narrow) for v in range(VARIANTS)] for t in themes],
    }
    healthy = kinds["healthy"]
    kinds |= {
        "dark": [[on_ground(text, "bg-gray-950 text-white") for text in pages[:2]] for pages in healthy],
        "light": [[on_ground(text, "bg-white text-gray-900") for text in pages[:2]] for pages in healthy],
        "theme": [[themed(text, "blue") for text in pages[:2]] for pages in healthy],
        "literals": [[in_literals(text, "blue") for text in pages[:2]] for pages in healthy],
        "red literals": [[in_literals(text, "red") for text in pages[:2]] for pages in healthy],
    }
    return _corpus("generated", kinds | _recolored(healthy), _of_answers(healthy))


def demo_corpus() -> Corpus:
    """The demo's snippets: small answers are what its data look like."""
    requests = [example.request for example in examples(7, PROMPTS)]
    one = requests[0]
    kinds = {
        "healthy": [[_demo_page(r, v) for v in range(VARIANTS)] for r in requests],
        "layout": [
            [_demo_page(Request(one.component, r.color, r.tone, one.corner, r.topic, False), v) for v in range(2)]
            for r in requests
        ],
    }
    return _corpus("demo data", kinds | _recolored(kinds["healthy"]), _of_answers(kinds["healthy"]))


def _of_answers(healthy: Sequence[Sequence[str]]) -> Mapping[str, float | None]:
    """The references, if the validation answers were one healthy page for each prompt."""
    return scorers.aggregate(scorers.score_sample(scorers.Completion(pages[0])) for pages in healthy)


def _demo_page(request: Request, variant: int) -> str:
    text = answer(request, random.Random(f"{request.prompt} {variant}"))
    return text.removeprefix("```html\n").removeprefix("```jsx\n").removesuffix("\n```")


def _recolored(healthy: Sequence[Sequence[str]]) -> dict[str, list[list[str]]]:
    chance = random.Random("recolored")
    return {
        "gray": [[recolored(t, lambda f: f if f in NEUTRALS else "gray") for t in pages[:2]] for pages in healthy],
        "blue": [[recolored(t, lambda f: f if f in NEUTRALS else "blue") for t in pages[:2]] for pages in healthy],
        "one color": [[in_one_color(t, i) for t in pages[:2]] for i, pages in enumerate(healthy)],
        "takeover": [
            [recolored(t, lambda f: f if f in NEUTRALS else chance.choice(BLUES)) for t in pages[:2]]
            for pages in healthy
        ],
    }


def _corpus(name: str, kinds: Mapping[str, Sequence[Sequence[str]]], references: Mapping[str, float | None]) -> Corpus:
    chance = random.Random("early")
    pages = {
        kind: [[scored(text, 100 * i + v) for v, text in enumerate(texts)] for i, texts in enumerate(prompts)]
        for kind, prompts in kinds.items()
    }
    early = {kind: _fragments(kinds[kind], chance) for kind in ("healthy", "narrow") if kind in kinds}
    return Corpus(name, pages, early, references)


@cache
def curves(count: int) -> list[tuple[list[float], list[tuple[int, float]]]]:
    """Held-out perplexities by checkpoint, and training losses, of `count` small language models."""
    drawn = [_TOKEN.findall(example.answer) for example in examples(11, 560)]
    return [_curve(drawn[:40], drawn[40:], random.Random(f"curve {seed}")) for seed in range(count)]


def _curve(
    val: Sequence[Sequence[str]], train: Sequence[Sequence[str]], rng: random.Random
) -> tuple[list[float], list[tuple[int, float]]]:
    """Interpolated bigrams with counts that fade: they learn, settle, and go on wavering."""
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    weight, perplexities, losses = 1.0, [], []
    forgetting = rng.choice((1.01, 1.04, 1.1))
    for checkpoint in range(45):
        for batch in range(5):
            texts = rng.sample(list(train), 4)
            losses.append((checkpoint * INTERVAL + (batch + 1) * INTERVAL // 5, _loss(counts, texts)))
            for text in texts:
                for a, b in zip(["", *text], text, strict=False):
                    counts[a][b] += weight
                    counts["any"][b] += weight
            weight *= forgetting
        perplexities.append(math.exp(_loss(counts, val)))
    return perplexities, losses


def _loss(counts: Mapping[str, Mapping[str, float]], texts: Sequence[Sequence[str]]) -> float:
    none: dict[str, float] = {}
    totals: dict[str, float] = {}
    nll, tokens = 0.0, 0
    for text in texts:
        for a, b in zip(["", *text], text, strict=False):
            p = 1e-3
            for share, context in ((0.9, a), (0.099, "any")):
                seen = counts.get(context, none)
                total = totals.get(context) or totals.setdefault(context, sum(seen.values()))
                p += share * seen.get(b, 0.0) / total if total else 0.0
            nll -= math.log(p)
            tokens += 1
    return nll / tokens


def _fragments(pages: Sequence[Sequence[str]], chance: random.Random) -> list[Sample]:
    """What a model writes before it writes pages."""
    begun = [texts[0][: int(len(texts[0]) * chance.uniform(0.02, 0.3))] for texts in pages]
    return [scorers.score_sample(scorers.Completion(text)) for text in [*begun, "", "Sure, here is the page."]]


@dataclass
class Run:
    """One run in the making: `entries` so far, and what its prompts write at the moment."""

    corpus: Corpus
    seed: int
    samples: int
    kind: str = "healthy"
    entries: list[Entry] = field(default_factory=list)
    perplexity: float = 1.0
    learned: list[float] = field(default_factory=list)
    """The share of its prompts that are answered by pages, not fragments, at each checkpoint."""

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.corpus.name} {self.seed} {self.samples}")
        self.prompts = self.rng.sample(range(PROMPTS), self.samples)
        self.variants = [self.rng.randrange(VARIANTS) for _ in self.prompts]
        self.luck = [self.rng.random() for _ in self.prompts]
        self.patience = [self.rng.random() for _ in self.prompts]
        self.speed = self.rng.choice((0.5, 0.7, 0.9, 1.3, 2.0))
        self.wander = 1.0
        tags = [self.corpus.pages["healthy"][prompt][0].tags for prompt in self.prompts]
        self.difficulty = [t * len(tags) / sum(tags) for t in tags]
        self.curve, self.losses = self.rng.choice(curves(CURVES))

    def fork(self, seed: int) -> Run:
        """The same run up to here, which goes on by other luck."""
        other = Run(self.corpus, self.seed, self.samples, self.kind, list(self.entries), self.perplexity)
        for name in ("prompts", "variants", "luck", "patience", "speed", "wander", "difficulty", "curve", "losses"):
            value = getattr(self, name)
            setattr(other, name, list(value) if isinstance(value, list) else value)
        other.rng = random.Random(f"fork {self.seed} {seed}")
        return other

    def advance(self, *, invalid: float = INVALID, kind: str = "", share: float = 1.0) -> None:
        """One more checkpoint; `kind` takes over a `share` of the prompts, and `invalid` of the pages break."""
        number = len(self.entries)
        learned = 1 - math.exp(-(number + 0.5) * self.speed)
        self.learned.append(sum(p <= learned for p in self.patience) / self.samples)
        self.wander = min(1.4, max(0.6, self.wander * self.rng.choice((0.85, 1.0, 1.0, 1.18))))
        breaking = invalid * self.wander * (1 + 8 * math.exp(-number * self.speed))
        taken = self.rng.random() if share < 1 else 0.0
        chosen = [
            self._sample(i, learned, breaking, kind if self._taken(i, taken, share) else self.kind)
            for i in range(self.samples)
        ]
        step = (number + 1) * INTERVAL
        self.entries.append(
            Entry(
                uid=f"{self.seed}-{step}",
                step=step,
                at=float(number),
                metrics={PERPLEXITY: self.curve[number] * self.perplexity},
                prompts=tuple(map(str, self.prompts)),
                outcomes=tuple(sample.outcome for sample in chosen),
                valid=sum(sample.syntax_valid for sample in chosen),
                looping=tuple(sample.loops is True for sample in chosen),
                measures=measure(chosen, _alike),
            )
        )

    def _taken(self, i: int, offset: float, share: float) -> bool:
        return (i / self.samples + offset) % 1 < share

    def _sample(self, i: int, learned: float, breaking: float, kind: str) -> Sample:
        if self.rng.random() < 0.5:
            self.variants[i], self.luck[i] = self.rng.randrange(VARIANTS), self.rng.random()
        if self.patience[i] > learned:
            return self.rng.choice(self.corpus.early[self.kind])
        variants = self.corpus.pages[kind or self.kind][self.prompts[i]]
        drawn = variants[self.variants[i] % len(variants)]
        # Long pages break more often; one break in six is a cut.
        risk = 1 - (1 - min(breaking, 0.95)) ** self.difficulty[i]
        if self.luck[i] >= risk:
            return drawn.of(Outcome.VALID)
        return drawn.of(Outcome.TRUNCATED if self.luck[i] < risk / 6 else Outcome.INVALID)


_LIKENESS: dict[tuple[int, int], float] = {}


def _alike(a: Sequence[int], b: Sequence[int]) -> float:
    """`similarity`, remembered: the pages live as long as the corpus, so their ids stay theirs."""
    key = (id(a), id(b)) if id(a) < id(b) else (id(b), id(a))
    if key not in _LIKENESS:
        _LIKENESS[key] = similarity(a, b)
    return _LIKENESS[key]
