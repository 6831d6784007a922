"""One `vllm.LLM` and what uimon asks of it. Runs in the engine host; imports vLLM when an object is made."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watcher.checkpoints.layouts.files import ADAPTER_WEIGHTS, weights_in
from watcher.engine.failures import reason_of
from watcher.engine.host.fingerprints import WeightsComparison
from watcher.engine.host.probing import text_of
from watcher.engine.host.tokenizers import load_tokenizer
from watcher.engine.model_files.adapters import plain_pairs
from watcher.engine.model_files.forms import kind_of, other_forms
from watcher.engine.model_files.inventory import read_header, weight_files
from watcher.engine.protocol import Compared, ScoreReferencesDone
from watcher.engine.types import Generation, PromptSpec, Sampling, Setup
from watcher.model import Reason, UimonError

if TYPE_CHECKING:
    from vllm import CompletionOutput, RequestOutput, SamplingParams
    from vllm.lora.request import LoRARequest


# Three sequences of 32 tokens cost milliseconds and pass through every layer, the embedding and the head.
_PROBES = 3
_PROBE_TOKENS = 32
# Ids below this exist in any vocabulary worth the name, and stay clear of the special tokens at its upper end.
_PROBE_VOCAB = 20_000
_NO_ROTARY_KERNEL = "-rotary_embedding"


def sample_seed(seed: int, prompt_id: str, index: int) -> int:
    """The seed of one sample: the first 31 bits of SHA-256 over seed, prompt id and sample index.

    It depends on nothing else, so a sample is drawn alike whatever runs beside it and however prompts are ordered.

    >>> sample_seed(0, "a", 0) == sample_seed(0, "a", 0) != sample_seed(0, "a", 1)
    True
    """
    digest = hashlib.sha256(f"{seed}\0{prompt_id}\0{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def probe_sequences(vocabulary: int, context: int) -> list[list[int]]:
    """Fixed token sequences for a model: the same ones in every process and on every machine."""
    length = max(2, min(_PROBE_TOKENS, context - 1))
    sequences = []
    for number in range(_PROBES):
        digest = hashlib.shake_256(f"uimon probe {number}".encode()).digest(4 * length)
        words = (int.from_bytes(digest[4 * i : 4 * i + 4], "big") for i in range(length))
        sequences.append([word % min(vocabulary, _PROBE_VOCAB) for word in words])
    return sequences


def cpu_args(args: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of `vllm.LLM` as its CPU build needs them.

    Compiling for a CPU takes longer than a small evaluation. A prompt that is computed in two parts fails there
    (0.32: "CPU Generator does not use offset") as soon as requests have seeds, so no prompt may be cut, which asks
    for a batch that holds the longest one.

    The kernel for rotary positions turns queries by wrong angles where heads have a dimension of their own (0.32:
    DeepSeek, LFM2), without a word. What vLLM computes in torch instead is right.
    """
    adapted = {"enforce_eager": True, "enable_chunked_prefill": False, **args}
    compilation: Any = adapted.get("compilation_config")
    if compilation is None:
        adapted["compilation_config"] = {"custom_ops": [_NO_ROTARY_KERNEL]}
    elif _NO_ROTARY_KERNEL not in compilation.custom_ops:
        # The user's own, an object of vLLM's.
        compilation.custom_ops.append(_NO_ROTARY_KERNEL)
    tokens, context = adapted.pop("max_num_batched_tokens", None), args.get("max_model_len")
    if isinstance(tokens, int) and isinstance(context, int):
        adapted["max_num_batched_tokens"] = max(tokens, context)
    return adapted


def cpu_binding(shards: object) -> str:
    """Which cores each of the workers gets, in the words of VLLM_CPU_OMP_THREADS_BIND.

    vLLM finds that by itself for one worker. For more it wants a NUMA node for each, which few machines have.
    """
    if not isinstance(shards, int) or shards == 1:
        return "auto"
    cores = sorted(os.sched_getaffinity(0))
    shares = [cores[at * len(cores) // shards : (at + 1) * len(cores) // shards] or cores[-1:] for at in range(shards)]
    return "|".join(",".join(map(str, share)) for share in shares)


class VllmRunner:
    """A running engine with one set of weights. After any exception but `UimonError` it must not be used again."""

    def __init__(self, args: Mapping[str, object], arguments: str, version: str, progress: Callable[[], None]) -> None:
        import vllm
        from vllm.platforms import current_platform

        if current_platform.is_cpu():
            args = cpu_args(args)
            os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", cpu_binding(args.get("tensor_parallel_size")))
        # vLLM's would be of the class that the files name, whose decoder may be another one.
        self._tokenizer = load_tokenizer(Path(str(args["tokenizer"])))
        try:
            self._llm = vllm.LLM(**dict(args))
        except ImportError as error:
            # A kind of model that needs a package more; vLLM itself is there.
            raise RuntimeError(f"the model needs a package that is not installed ({error})") from error
        self._arguments = arguments
        self._progress = progress
        self._lora: LoRARequest | None = None
        # What this engine keeps in another form than the files; None until the weights that it started with were seen.
        self._forms: frozenset[str] | None = None
        self._source = Path(str(args["model"]))
        # Only now: a change in place leaves the first directory here in some workers' configurations.
        started = str(self._llm.llm_engine.vllm_config.model_config.model)
        self._elsewhere = () if started == str(self._source) else (f"the model {started}",)
        self._version: str | None = None
        self._set_version(version)

    @property
    def context(self) -> int:
        """The engine's context in tokens."""
        return int(self._llm.model_config.max_model_len)

    @property
    def setup(self) -> Setup:
        """What serves the weights."""
        import vllm
        from vllm.platforms import current_platform

        config = self._llm.llm_engine.vllm_config
        model, platform = config.model_config, current_platform
        return Setup(
            architecture=str(model.architecture),
            vllm=str(vllm.__version__),
            platform="cpu" if platform.is_cpu() else f"{platform.device_name} {platform.get_device_name()}",
            dtype=str(model.dtype).removeprefix("torch."),
            tied=bool(getattr(model.hf_text_config, "tie_word_embeddings", False)),
            quantization=str(model.quantization or ""),
            tensor_parallel=int(config.parallel_config.tensor_parallel_size),
            arguments=self._arguments,
        )

    @property
    def otherwise(self) -> str:
        """In a clause, how this build of vLLM is known to compute the model otherwise than training; empty if not.

        The text class of Gemma 3n (vllm.model_executor.models.gemma3n, 0.32) never looks up the embeddings that each
        layer has for itself; only the class for text and images does.
        """
        from vllm.platforms import current_platform

        if self._llm.model_config.architecture == "Gemma3nForCausalLM":
            return "vLLM leaves out the per-layer embeddings of Gemma 3n's text model"
        if current_platform.is_cpu() and any(self._llm.collective_rpc("ignored_biases")):
            return "vLLM's CPU build leaves out the correction bias by which this model chooses its experts"
        return ""

    @property
    def compared(self) -> Compared:
        """What is served beside the files it should come from; of an adapter, once something was answered with it."""
        config = self._llm.llm_engine.vllm_config
        if config.model_config.quantization:
            why_not = f"the weights are quantized ({config.model_config.quantization})"
            return Compared(strange=self._elsewhere, why_not=why_not)
        shards = int(config.parallel_config.tensor_parallel_size)
        if self._lora is None:
            files = [str(file) for file in weight_files(self._source)]
            found = self._found("compare_with_files", files=files, shards=shards)
            if self._forms is None:
                self._forms = other_forms(part for one in found for part in one.found)
            forms = self._forms
        else:
            file = Path(self._lora.lora_path) / ADAPTER_WEIGHTS
            pairs = plain_pairs(file.parent, read_header(file)) or {}
            asked = {"file": str(file), "scalings": {high: by for _, high, by in pairs.values()}, "shards": shards}
            found, forms = self._found("compare_adapter", **asked), frozenset()
        return _together(found, self._elsewhere, forms)

    def _found(self, question: str, **asked: object) -> list[WeightsComparison]:
        """What each worker has found."""
        return [WeightsComparison.of_plain(plain) for plain in self._llm.collective_rpc(question, kwargs=asked)]

    def reload(self, path: Path, version: str) -> None:
        """Change the weights in place to those in `path`."""
        # An absolute path: one that does not exist relative to the host would be taken for a model hub's name.
        self._llm.collective_rpc("reload_weights", kwargs={"weights_path": os.path.abspath(path)})  # noqa: PTH100
        self._llm.collective_rpc("refresh_tied_head")
        self._source = path
        self._drop_cache()
        self._set_version(version)

    def adapt(self, path: Path, number: int) -> None:
        """Put the adapter in `path` over the base. Raises `UimonError` (`adapter_unsupported`) if vLLM refuses."""
        from vllm.lora.request import LoRARequest

        _require_finite(path)
        # A name and a number of its own for each adapter: vLLM takes equal ones for the adapter it already has.
        request = LoRARequest(f"adapter-{number}", number, os.path.abspath(path))  # noqa: PTH100
        try:
            # Before any generation: a bad adapter fails here and leaves the engine sound, there it would kill it.
            self._llm.llm_engine.add_lora(request)
        except (ValueError, RuntimeError, KeyError, TypeError, AttributeError, AssertionError, IndexError) as error:
            if reason_of(error, Reason.ADAPTER_UNSUPPORTED) is Reason.OUT_OF_MEMORY or "Accelerator" in repr(error):
                # The device's trouble, which says nothing of the adapter.
                raise
            said = " ".join(str(error).split())[:300]
            raise UimonError(Reason.ADAPTER_UNSUPPORTED, f"{path}: vLLM refuses the adapter ({said}).") from error
        self._lora = request
        self._set_version(request.lora_name)
        self._drop_cache()

    def probe(self) -> tuple[float, ...] | None:
        """Prompt log-probabilities of the fixed sequences, None where one is not finite."""
        vocabulary = int(self._llm.model_config.get_vocab_size())
        sequences = probe_sequences(vocabulary, self.context)
        answers = dict(self._run(sequences, [_scoring()] * len(sequences)))
        flat = tuple(score for at, ids in enumerate(sequences) for score in self._scores(ids, answers[at]))
        return flat if all(math.isfinite(score) for score in flat) else None

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        """Every sample as soon as it is finished, decoded with the tokenizer that the engine was started with.

        A checkpoint that came later has a tokenizer of the same stamp, so its own would give the same text.
        """
        self._check_room(prompts)
        jobs = [(prompt, index) for prompt in prompts for index in range(sampling.n)]
        params = [self._sampling(prompt, index, sampling, stop_ids) for prompt, index in jobs]
        for at, out in self._run([prompt.token_ids for prompt, _ in jobs], params):
            completion = out.outputs[0]
            self._check_version(completion)
            ids, reason = list(completion.token_ids), str(completion.finish_reason)
            # The token that ended the answer is no part of its text, whether or not it counts as special.
            shown = ids[:-1] if reason == "stop" and ids[-1] in stop_ids else ids
            text = text_of(self._tokenizer, shown, special=False)
            yield Generation(jobs[at][0].id, jobs[at][1], text, len(ids), reason)

    def measure(self, prompts: Sequence[PromptSpec]) -> ScoreReferencesDone:
        """The references' log-likelihood, prompt tokens masked."""
        asked = [prompt for prompt in prompts if prompt.reference_ids]
        fitting = [p for p in asked if len(p.scored_ids) < self.context]
        sequences = [p.scored_ids for p in fitting]
        sums = [0.0] * len(fitting)
        for at, out in self._run(sequences, [_scoring()] * len(fitting)):
            answer = self._scores(sequences[at], out)[-len(fitting[at].reference_ids or ()) :]
            sums[at] = -math.fsum(answer)
        nll = math.fsum(sums) if all(map(math.isfinite, sums)) else None
        tokens = sum(len(p.reference_ids or ()) for p in fitting)
        return ScoreReferencesDone(nll, tokens, sum(p.reference_chars for p in fitting), len(asked) - len(fitting))

    def _run(
        self, sequences: Sequence[Sequence[int]], params: Sequence[SamplingParams]
    ) -> Iterator[tuple[int, RequestOutput]]:
        """Queue everything, then step; yields (position, output) in the order of finishing."""
        prompts = [{"prompt_token_ids": list(ids)} for ids in sequences]
        names = self._llm.enqueue(prompts, list(params), lora_request=self._lora, use_tqdm=False) if prompts else []
        # enqueue returns internal names ("7-996f7dd7"), outputs carry what stands before the dash.
        order = {name.split("-")[0]: at for at, name in enumerate(names)}
        engine = self._llm.llm_engine
        while engine.has_unfinished_requests():
            for out in engine.step():
                if out.finished:
                    yield order[out.request_id.split("-")[0]], out
            self._progress()

    def _sampling(self, prompt: PromptSpec, index: int, sampling: Sampling, stop_ids: Sequence[int]) -> SamplingParams:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            max_tokens=min(sampling.max_tokens, self.context - len(prompt.token_ids)),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,
            repetition_penalty=1.0,
            seed=sample_seed(sampling.seed, prompt.id, index),
            # The engine's own end tokens are those of the checkpoint it was started from, for ever; ours are given.
            ignore_eos=True,
            stop_token_ids=list(stop_ids),
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _check_room(self, prompts: Sequence[PromptSpec]) -> None:
        # One prompt too long makes vLLM refuse the whole batch.
        for prompt in prompts:
            if len(prompt.token_ids) >= self.context:
                size = len(prompt.token_ids)
                raise UimonError(
                    Reason.ENGINE_ERROR,
                    f"The prompt {prompt.id} has {size} tokens, the engine's context {self.context}; render it again.",
                )

    def _check_version(self, completion: CompletionOutput) -> None:
        """Refuse a sample that was drawn, in part, from other weights than those that were certified."""
        spans = getattr(completion, "weight_versions", None) or ()
        if self._version is not None and any(span.version != self._version for span in spans):
            raise RuntimeError(f"a sample came from the weights {spans}, not from {self._version}")

    def _set_version(self, version: str) -> None:
        # Absent before vLLM 0.32.
        update = getattr(self._llm, "update_weight_version", None)
        if update is not None:
            update(version)
            self._version = version

    def _drop_cache(self) -> None:
        # Cached prefixes hold keys and values of the former weights; using them is wrong without any sign of it.
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM did not clear its prefix cache")

    @staticmethod
    def _scores(ids: Sequence[int], out: RequestOutput) -> list[float]:
        """The log-probability of each token but the first, given those before it."""
        return [float(out.prompt_logprobs[at][ids[at]].logprob) for at in range(1, len(ids))]


def _together(found: Sequence[WeightsComparison], elsewhere: Sequence[str], forms: frozenset[str]) -> Compared:
    """What all workers found, beside what is strange already. A tensor is unused where they have less than the whole
    of it between them. What is in one of the `forms` was not compared.
    """
    shares: dict[str, float] = {}
    for one in found:
        for name, share in one.shares.items():
            shares[name] = shares.get(name, 0.0) + share
    # Sums of shares, rounded.
    unused = sorted(name for name, share in shares.items() if share < 1 - 1e-9)
    compared = [part for one in found for part in one.found if kind_of(part.name) not in forms]
    strange = (*elsewhere, *sorted({part.name for part in compared if part.strange}))
    return Compared(len(compared), strange, tuple(unused), other_forms=tuple(sorted(forms)))


def _require_finite(path: Path) -> None:
    """Raises `UimonError` (`non_finite`) naming a tensor of the adapter that holds NaN or infinity.

    VllmRunner, it would leave NaN in the cache's memory, and the engine would have to be started afresh.
    """
    from safetensors import safe_open

    for file in weights_in(path):
        with safe_open(str(file), framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                if not tensors.get_tensor(name).isfinite().all():
                    raise UimonError(
                        Reason.NON_FINITE, f"{file}: {name} holds NaN or infinity; training has diverged here."
                    )


def _scoring() -> SamplingParams:
    """Sampling parameters that score a prompt: one token is the least that vLLM generates."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY
    )
