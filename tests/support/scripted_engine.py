"""An engine without a model."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watcher.engine.model_files.tokenizer_files import read_stamp
from watcher.engine.types import (
    Asked,
    Generation,
    Loaded,
    Perplexity,
    PlainText,
    PromptSpec,
    Rendered,
    Sampling,
)
from watcher.model import CheckpointKind, Reason, UimonError

PAGE = '```html\n<div class="bg-teal-500 p-4"><br>Hello</div>\n```'


@dataclass
class ScriptedEngine:
    """Answers every prompt with a page. `faults` are raised by the loads in turn, `tells` are the notes of those that
    work, and whether they are alarming; `hold` makes generation wait."""

    faults: list[UimonError | None] = field(default_factory=list)
    tells: list[tuple[str, bool]] = field(default_factory=list)
    hold: threading.Event | None = None
    loaded: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    generating: threading.Event = field(default_factory=threading.Event)

    def render(
        self,
        model_dir: Path,
        conversations: Sequence[Asked],
        *,
        chat_template: str | None = None,
        template_kwargs: Mapping[str, object] | None = None,
        tokenizer_dir: Path | None = None,
    ) -> Rendered:
        """One token for each prompt; prompts that say so are too long."""
        fit = [c for c in conversations if "too long" not in c.asked]
        prompts = tuple(
            PromptSpec(c.id, c.asked, (1,), (2,), 1, sampled=not (isinstance(c, PlainText) and c.prompt is None))
            for c in fit
        )
        skipped = tuple((c.id, "it is longer than the context") for c in conversations if c not in fit)
        stamp = read_stamp(tokenizer_dir or model_dir)
        return Rendered(prompts, skipped, (0,), "template", 100, stamp)

    def load(self, path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        """Note the load, or raise the next scripted fault."""
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        assert (path / "model.safetensors").is_file()
        self.loaded.append(digest)
        note, alarming = self.tells.pop(0) if self.tells else ("", False)
        return Loaded("warm", 0.1, digest, 8, note, alarming)

    def generate(
        self,
        prompts: Sequence[PromptSpec],
        sampling: Sampling,
        stop_ids: Sequence[int],
    ) -> Iterator[Generation]:
        """The page for every sample, the last one of the last prompt first."""
        for prompt, index in reversed([(prompt, index) for prompt in prompts for index in range(sampling.n)]):
            self.generating.set()
            if self.hold is not None and not self.hold.wait(20):
                raise AssertionError("nobody let the engine go on")
            if self.closed.is_set():
                raise UimonError(Reason.ENGINE_DIED, "The engine is gone.")
            yield Generation(prompt.id, index, PAGE, 12, "stop")

    def perplexity(self, prompts: Sequence[PromptSpec]) -> Perplexity:
        """exp(1) for every reference."""
        return Perplexity(float(len(prompts)), len(prompts), len(prompts), 0)

    def reserve(self, prompts: Sequence[PromptSpec], sampling: Sampling, context: int) -> None:
        """It has room for everything."""

    def interrupt(self) -> None:
        """Let whoever waits for the engine go."""
        self.closed.set()
        if self.hold is not None:
            self.hold.set()
