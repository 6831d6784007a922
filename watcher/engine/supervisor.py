"""The engine as the service sees it: weights go in certified, or a `UimonError` comes out and nothing is served.

Whatever fails, the next `load` works: a host that raised anything but a plain refusal is dead, and a load starts a
fresh one where none is left. After running out of memory engines are started for half as many samples at once.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.engine.adapting import AdapterLoader
from watcher.engine.capacity import text_part
from watcher.engine.hosting import Hosting
from watcher.engine.launch import STEP_TOKENS, demand
from watcher.engine.loading import Loader
from watcher.engine.model_files.tokenizer_files import has_tokenizer
from watcher.engine.protocol import (
    Generate,
    GenerateDone,
    Render,
    RenderDone,
    Reply,
    Request,
    SampleDone,
    ScoreReferences,
    ScoreReferencesDone,
)
from watcher.engine.serving import Serving
from watcher.engine.types import (
    Asked,
    EngineSettings,
    Generation,
    Loaded,
    Perplexity,
    PromptSpec,
    Rendered,
    Sampling,
)
from watcher.model import CheckpointKind, Reason, UimonError


class VllmEngine:
    """One engine and its host process. Use from one thread at a time; close it, or use it as a context manager."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._hosting = Hosting(settings)
        self._serving = Serving(settings, self._hosting)
        self._loader = Loader(settings, self._serving)
        self._adapters = AdapterLoader(settings, self._serving, self._loader)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """True while the host lives and holds certified weights."""
        return self._serving.served is not None

    @property
    def pid(self) -> int | None:
        """The host's process id, which is its process group's; None without a host."""
        return self._hosting.pid

    def interrupt(self) -> None:
        """Make whatever this engine is doing, and would do later, fail soon; for another thread than the engine's."""
        self._hosting.interrupt()
        self._adapters.interrupt()

    def close(self) -> None:
        """Kill the host and its group. Harmless when done before; a later `load` or `render` starts a new host."""
        self._serving.withdraw()
        self._hosting.close()

    def check_arguments(self) -> None:
        """Have vLLM's parser read the user's own arguments, before any GPU is touched.

        Raises `UimonError`: `config_invalid` where vLLM or uimon refuses one, engine failures.
        """
        self._serving.check_arguments()

    def render(
        self,
        model_dir: Path,
        conversations: Iterable[Asked],
        *,
        tokenizer_dir: Path | None = None,
        chat_template: str | None = None,
        template_kwargs: Mapping[str, object] | None = None,
        system: str | None = None,
    ) -> Rendered:
        """Turn conversations into prompts.

        `model_dir` is a full model's directory (for adapters: the base's); its config.json gives the context. The
        tokenizer is that of the settings, else of `tokenizer_dir` where it has one (for adapters: the adapter's,
        which may hold the only copy of the template), else of `model_dir`. `chat_template` (Jinja source) stands in
        for the tokenizer's own; plain text needs none. `system` is put before conversations that have no system turn.
        Raises `UimonError`: `tokenizer_missing`, `tokenizer_mismatch`, `chat_template_missing`, `unreadable`,
        `unknown_architecture`, engine failures.
        """
        request = Render(
            model_dir.resolve(),
            self._rendering_tokenizer(model_dir.resolve(), tokenizer_dir),
            tuple(conversations),
            chat_template,
            dict(template_kwargs or {}),
            system,
            self._settings.max_model_len,
        )
        reply = self._hosting.ask(request, self._settings.deadlines.start)
        assert isinstance(reply, RenderDone)
        return reply.rendered

    def reserve(self, prompts: Sequence[PromptSpec], sampling: Sampling, context: int) -> None:
        """Let the next engine be started with what these prompts and their answers need, and no more.

        `context` is the model's own, in tokens, as `Rendered` gives it.
        """
        self._serving.demand = demand(prompts, sampling, context) if prompts else None

    def load(
        self, path: Path, digest: str, kind: CheckpointKind = CheckpointKind.FULL, base: Path | None = None
    ) -> Loaded:
        """Put the weights in `path` into the engine and certify them. `digest` names the weights' content.

        Raises `UimonError`: `weights_refused` (the sentence names the file or tensor), `non_finite`,
        `stale_weights`, `adapter_unsupported`, `base_model_missing`, `unknown_architecture`, `out_of_memory`,
        `engine_missing`, `engine_start`, `engine_died`, `engine_timeout`, `engine_error`.
        """
        began = time.monotonic()
        self._serving.withdraw()
        if kind is CheckpointKind.ADAPTER:
            way = self._adapters.load(path.resolve(), digest, base)
        else:
            way = self._loader.load_full(path.resolve(), digest)
        live = self._serving.certify()
        seconds = time.monotonic() - began
        return Loaded(way.swap, seconds, _probe_digest(live.probe), live.sequences, way.note, way.alarming)

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        """Complete every prompt `sampling.n` times; samples come as they finish, not in order.

        The seed of a sample is made of `sampling.seed`, the prompt's id and the sample's index (see `sample_seed`),
        so it does not depend on what else runs. Leaving the iteration early kills the host: a half-done batch has
        no other quick end. Raises `UimonError` as `load` does, and `tokenizer_mismatch` where the weights have no
        embedding for some token of the prompts.
        """
        self._require_vocabulary(prompts)
        request = Generate(tuple(prompts), sampling, tuple(stop_ids))
        finished = False
        try:
            for reply in self._stream(request):
                if isinstance(reply, GenerateDone):
                    finished = True
                    return
                assert isinstance(reply, SampleDone)
                yield reply.generation
        except UimonError:
            finished = True
            raise
        finally:
            if not finished:
                self.close()

    def perplexity(self, prompts: Sequence[PromptSpec]) -> Perplexity:
        """The references' perplexity under the loaded weights, prompt tokens masked.

        Raises `UimonError`: `non_finite` where a log-probability is not a number, and as `generate` does.
        """
        self._require_vocabulary(prompts)
        reply = next(self._stream(ScoreReferences(tuple(prompts))))
        assert isinstance(reply, ScoreReferencesDone)
        if reply.nll is None:
            self.close()
            raise UimonError(Reason.NON_FINITE, "The perplexity is not a number: some log-probability is not finite.")
        return Perplexity(reply.nll, reply.tokens, reply.chars, reply.skipped)

    def _stream(self, request: Request) -> Iterator[Reply]:
        """What the certified weights answer. Raises `UimonError` where none are loaded, and as `load` does."""
        if self._serving.served is None:
            raise UimonError(Reason.ENGINE_ERROR, "No certified weights are loaded; load a checkpoint first.")
        return self._hosting.stream(request, self._stall)

    def _require_vocabulary(self, prompts: Sequence[PromptSpec]) -> None:
        """A model with fewer embeddings than the prompts were made for would end vLLM with an error about an index."""
        live = self._serving.served
        config = live.origin.config if live is not None else {}
        size = text_part(config).get("vocab_size")
        highest = max((prompt.highest for prompt in prompts), default=0)
        if isinstance(size, int) and highest >= size:
            raise UimonError(
                Reason.TOKENIZER_MISMATCH,
                f"The prompts hold the token {highest}, and this checkpoint's vocabulary has {size}; they were made "
                "with the tokenizer of an earlier one. Give the run a new --state-dir to begin with this tokenizer.",
            )

    @property
    def _stall(self) -> float:
        """Seconds of silence that are allowed while tokens are computed."""
        live = self._serving.served
        size, longest = (live.origin.bytes, live.context or 0) if live is not None else (0, 0)
        return self._settings.deadlines.step(size, max(STEP_TOKENS, longest))

    def _rendering_tokenizer(self, model: Path, preferred: Path | None) -> Path:
        if self._settings.tokenizer is not None:
            return self._settings.tokenizer
        return preferred.resolve() if preferred is not None and has_tokenizer(preferred) else model


def _probe_digest(probe: tuple[float, ...]) -> str:
    return hashlib.sha256(struct.pack(f"<{len(probe)}d", *probe)).hexdigest()[:16]
