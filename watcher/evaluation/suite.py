"""The suite: everything that two evaluations must share to be comparable.

Token ids are rendered once, with the tokenizer and template of the first complete checkpoint (or those given), and
kept in the ledger; a restart uses the very same ids. Whatever changes a sample's odds or its score is in the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from pydantic import TypeAdapter

import scorers
from scorers import Plugin, Theme
from watcher.engine.model_files.tokenizer_files import TokenizerStamp
from watcher.engine.model_files.tokenizer_stamp import StampReader
from watcher.engine.types import Asked, PromptSpec, Rendered, Sampling
from watcher.model import Reason, UimonError
from watcher.settings.config import Settings
from watcher.settings.declaration import declarations
from watcher.system.files import read_text
from watcher.validation import ValFile

DEFAULT_MAX_TOKENS = 8192
_READING = 2
"""Changes where the same file and settings would give other prompts or references than before."""
_STAMPS = StampReader()

_BY_CONTENT: Final = frozenset({"val", "val_format", "val_keys", "chat_template", "tokenizer", "scorers", "theme"})
"""Settings whose value is only a place, or whose reading counts: what is there stands in the digest, under other names
for some. Every other setting that changes samples stands there with its value."""
_ALWAYS: Final = frozenset(
    {
        "samples",
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "n",
        "system",
        "chat_template_kwargs",
        "max_model_len",
        "dtype",
        "engine_args",
    }
)
"""Settings that stand in the digest also with their defaults. Any other is left out there, or each setting that an
upgrade brings would begin another suite in every run in progress."""

_LOST_ENOUGH = 16
"""So many lost references tell before the whole file is rendered."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Prompts as token ids, how to sample and when to stop.

    `skipped` counts prompts that are left out, since they do not fit the context, say, or their reference is lost;
    `context` is the model's, in tokens, or what the engine's cache holds of it, and the same for all evaluations.
    `tokenizer` is what the checkpoints' own tokenizers have to agree with, empty in what the user named instead.
    """

    prompts: tuple[PromptSpec, ...]
    stop_ids: tuple[int, ...]
    sampling: Sampling
    template_digest: str
    scorer_version: str
    skipped: int
    context: int
    dtype: str
    engine_args: str
    tokenizer: TokenizerStamp

    @property
    def digest(self) -> str:
        """Identity of the suite: 16 hex digits over all of its content."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @property
    def sampled(self) -> tuple[PromptSpec, ...]:
        """The prompts that samples are drawn for; the others are only measured."""
        return tuple(prompt for prompt in self.prompts if prompt.sampled)

    def to_json(self) -> str:
        """The suite as text; equal suites give equal texts."""
        return json.dumps(asdict(self) | {"prompts": [_body(prompt) for prompt in self.prompts]}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Suite:
        """The suite that `to_json` wrote."""
        return _SUITE.validate_json(text)


_SUITE: Final = TypeAdapter(Suite)


def kept_suite(text: str) -> Suite | None:
    """A suite as a ledger has kept it. None for one of ledger version 1: which tokenizer it was made with is not in it,
    so that no later evaluation can be compared with its own.
    """
    return Suite.from_json(text) if "tokenizer" in json.loads(text) else None


class Renderer(Protocol):
    """What makes token ids of conversations: the engine."""

    def render(
        self,
        model_dir: Path,
        conversations: tuple[Asked, ...],
        *,
        tokenizer_dir: Path | None = None,
        chat_template: str | None = None,
        template_kwargs: Mapping[str, object] | None = None,
    ) -> Rendered:
        """Token ids of each conversation that fits, and why the others do not."""
        ...


def _require_most_kept(lost: Sequence[str], usable: Sequence[PromptSpec]) -> None:
    """Raises UimonError(TEMPLATE_MISMATCH) where more references are lost than kept: the template or the tokenizer is
    that of another training then. Of fewer, the rows are at fault.
    """
    if len(lost) > sum(prompt.reference_ids is not None for prompt in usable):
        raise UimonError(Reason.TEMPLATE_MISMATCH, lost[0])


def request_digest(settings: Settings, val: ValFile, plugins: Sequence[Plugin] = (), theme: Theme | None = None) -> str:
    """Digest of what the user asked for: with the same request, a restart continues the same suite."""
    asked = _asked(settings, val, plugins, theme)
    asked["reading"] = _reading(settings)
    return _digest(asked)


def earlier_digests(
    settings: Settings, val: ValFile, plugins: Sequence[Plugin] = (), theme: Theme | None = None
) -> tuple[str, ...]:
    """The same request as earlier versions of uimon wrote it down, whose suites a run in progress goes on with.

    They could not be told how to read the file, so a request that says it has none.
    """
    return () if settings.val_format or settings.val_keys else (_digest(_asked(settings, val, plugins, theme)),)


def requests_under(settings: Settings, val: ValFile, scorer_version: str) -> frozenset[str]:
    """Digests of the same request where samples were scored under `scorer_version`, as this and earlier versions of
    uimon wrote it down.
    """
    asked = _asked(settings, val, (), None) | {"scorers": scorer_version}
    plain = () if settings.val_format or settings.val_keys else (_digest(asked),)
    return frozenset((_digest(asked | {"reading": _reading(settings)}), *plain))


def scored_by(suite: Suite, plugins: Sequence[Plugin], theme: Theme | None = None) -> Suite:
    """The suite of the same prompts and sampling whose samples are scored by this version, with these plug-ins and
    against this theme.
    """
    return replace(suite, scorer_version=scorers.versions(plugins, theme))


def _reading(settings: Settings) -> list[object]:
    return [_READING, settings.val_format, sorted(settings.val_keys.items())]


def _digest(asked: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _asked(settings: Settings, val: ValFile, plugins: Sequence[Plugin], theme: Theme | None) -> dict[str, object]:
    fields = type(settings).model_fields
    by_value = {
        name: value
        for name, declared in declarations(type(settings)).items()
        if declared.changes_samples and name not in _BY_CONTENT
        if (value := getattr(settings, name)) != fields[name].default or name in _ALWAYS
    }
    return by_value | {
        "val": val.digest,
        "chat_template": read_template(settings),
        "tokenizer": [str(settings.tokenizer), settings.tokenizer and asdict(_STAMPS.read(settings.tokenizer))],
        "scorers": scorers.versions(plugins, theme),
    }


def build_suite(
    settings: Settings,
    val: ValFile,
    renderer: Renderer,
    checkpoint: Path,
    base: Path | None,
    plugins: Sequence[Plugin] = (),
    say: Callable[[str], None] = lambda _: None,
    theme: Theme | None = None,
) -> Suite:
    """Render the first usable prompts of the file, in file order, until there are as many as were asked for.

    `checkpoint` is the first complete one, `base` its base model where it is an adapter. `say` is told, in sentences,
    what a person should know of the tokenizer, and why prompts are left out.
    Raises UimonError: NO_USABLE_PROMPT where none fits the model's context, TEMPLATE_MISMATCH where the template or
    the tokenizer loses something of most references (of fewer, these are left out), and what rendering raises.
    """
    usable: list[PromptSpec] = []
    skipped: list[str] = []
    lost: list[str] = []
    stop_ids: set[int] = set()
    notes: dict[str, None] = {}
    rest = val.conversations
    while rest and len(usable) < settings.samples:
        chunk, rest = rest[: settings.samples - len(usable)], rest[settings.samples - len(usable) :]
        rendered = renderer.render(
            base or checkpoint,
            chunk,
            tokenizer_dir=checkpoint,
            chat_template=read_template(settings),
            template_kwargs=settings.chat_template_kwargs,
        )
        usable += rendered.prompts
        skipped += [sentence for _, sentence in rendered.skipped]
        lost += [sentence for _, sentence in rendered.lost]
        stop_ids |= set(rendered.stop_ids)
        notes[rendered.note] = None
        if len(lost) >= _LOST_ENOUGH:
            _require_most_kept(lost, usable)
    _require_most_kept(lost, usable)
    for note in filter(None, notes):
        say(note)
    if not usable:
        sentence = f"No prompt of {val.path} can be used: {skipped[0]} (the first of {len(skipped)})."
        raise UimonError(Reason.NO_USABLE_PROMPT, sentence)
    for left_out in filter(None, (skipped, lost)):
        count = "1 prompt is" if len(left_out) == 1 else f"{len(left_out)} prompts are"
        say(f"{count} left out; the first: {left_out[0]}")
    sampling = Sampling(
        max_tokens=settings.max_tokens or DEFAULT_MAX_TOKENS,
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=settings.seed,
        n=settings.n,
    )
    return Suite(
        tuple(usable),
        tuple(sorted(stop_ids)),
        sampling,
        rendered.template_digest,
        scorers.versions(plugins, theme),
        len(skipped) + len(lost),
        rendered.context,
        settings.dtype,
        settings.engine_args,
        TokenizerStamp(
            vocabulary="" if settings.tokenizer else rendered.tokenizer.vocabulary,
            template="" if settings.tokenizer or settings.chat_template else rendered.tokenizer.template,
        ),
    )


def shortened(suite: Suite, context: int) -> Suite | None:
    """The suite for an engine whose cache holds `context` tokens, fewer than the suite asks for: with answers as long
    as the longest prompt leaves room for, all of them alike.

    All prompts and references have to fit, and the answers are not to lose more than half of their tokens: less would
    measure something else. None where that is not so.
    """
    longest = max((len(prompt.token_ids) for prompt in suite.sampled), default=0)
    scored = max(len(prompt.scored_ids) + 1 for prompt in suite.prompts)
    asked = min(suite.sampling.max_tokens, suite.context - longest)
    room = min(asked, context - longest)
    if scored > context or 2 * room < asked or room < 1:
        return None
    return replace(suite, context=context, sampling=replace(suite.sampling, max_tokens=room))


def check_tokenizer(suite: Suite, name: str, path: Path) -> str:
    """Whether the tokenizer in `path`, the files of the checkpoint `name`, still is the one that rendered the suite.

    A checkpoint without a tokenizer is. Returns a sentence where only the chat template is another one, else an empty
    string: the prompts are ids and stay comparable. Raises `UimonError`: `tokenizer_mismatch`, `unreadable`.
    """
    known, own = suite.tokenizer, _STAMPS.read(path)
    if known.vocabulary and own.vocabulary and known.vocabulary != own.vocabulary:
        sentence = (
            f"The tokenizer of {name} differs from the one that rendered the prompts, so their token ids would mean "
            "other texts; name the tokenizer to use with --tokenizer, or start over with another --state-dir."
        )
        raise UimonError(Reason.TOKENIZER_MISMATCH, sentence)
    if known.template and own.template and known.template != own.template:
        return "The checkpoints' chat template has changed; uimon keeps the prompts as the first one rendered them."
    return ""


def read_template(settings: Settings) -> str | None:
    """The chat template that the user names; None for the tokenizer's. Raises UimonError(CHAT_TEMPLATE_MISSING)."""
    if settings.chat_template is None:
        return None
    try:
        return read_text(settings.chat_template)
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"The chat template {settings.chat_template} cannot be read ({error}); check --chat-template."
        raise UimonError(Reason.CHAT_TEMPLATE_MISSING, sentence) from None


def _body(prompt: PromptSpec) -> dict[str, object]:
    """A prompt as it is kept. What most prompts do not have is left out, or suites that were kept before there was
    such a thing would get another digest, and their checkpoints another row.
    """
    rare = {"prefix_ids": None, "sampled": True}
    return {name: value for name, value in asdict(prompt).items() if name not in rare or value != rare[name]}
