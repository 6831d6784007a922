"""What uimon adds to vLLM's workers; named to vLLM by dotted path, so it is imported wherever a worker runs.

In a worker, importing it has every weight matrix looked at (`fingerprints`) at the moment in which vLLM rearranges it
for its kernels: on a CPU, and with experts on any device, nothing of the matrix can be read afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from watcher.engine.host.fingerprints import Files, Part
from watcher.model import JsonObject

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner


# What vLLM's latent attention (MLA) cuts out of kv_b_proj, transposed by heads; that is compared itself.
_DERIVED = ("W_UK_T", "W_UV", "W_K", "W_V")
# By module: what was packed last, by the name of the parameter. The names inside it are filled in by whoever compares.
_packed: WeakKeyDictionary[Module, dict[str, Part]] = WeakKeyDictionary()


def _remember_what_is_packed(method: Any) -> None:
    """Have `method.process_weights_after_loading` note what it is given before it packs it."""
    pack = method.process_weights_after_loading

    def noting(self: object, layer: Module) -> None:
        _packed[layer] = {
            name: Part.of(name, _loaded(layer, name, parameter), vocabulary=_is_vocabulary(layer))
            for name, parameter in layer.named_parameters(recurse=False)
            if not parameter.is_meta
        }
        pack(self, layer)

    method.process_weights_after_loading = noting


def _remember_all() -> None:
    """Have everything noted that cannot be read afterwards."""
    from vllm.model_executor.layers.fused_moe.unquantized_fused_moe_method import UnquantizedFusedMoEMethod
    from vllm.model_executor.layers.linear import UnquantizedLinearMethod
    from vllm.model_executor.layers.vocab_parallel_embedding import UnquantizedEmbeddingMethod
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        _remember_what_is_packed(UnquantizedLinearMethod)
        _remember_what_is_packed(UnquantizedEmbeddingMethod)
    _remember_what_is_packed(UnquantizedFusedMoEMethod)


def _loaded(layer: Module, name: str, parameter: Tensor) -> Tensor:
    """What of a parameter of experts the files are loaded into.

    For some kernels (FlashInfer TRTLLM, AITER) experts are made longer than the files', and what is beside those is
    memory that nobody has written.
    """
    sizes = getattr(layer, "moe_config", None)
    own, made = (getattr(sizes, f"intermediate_size_per_partition{end}", None) for end in ("_unpadded", ""))
    if own is None or made is None or own >= made:
        return parameter
    if name == "w2_weight":
        return parameter[..., :own]
    if name in ("w13_weight", "w13_bias"):
        halves = parameter.unflatten(1, (-1, made))
        return halves[:, :, :own].flatten(1, 2)
    return parameter


def _is_vocabulary(layer: Module) -> bool:
    from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding

    return isinstance(layer, VocabParallelEmbedding)


# Whoever reads this file for its documentation starts no engine.
if "vllm.v1.worker.worker_base" in sys.modules:
    _remember_all()


class WorkerExtension:
    """Mixed into the worker class by vLLM; `self.model_runner` is the worker's."""

    model_runner: GPUModelRunner

    def compare_with_files(self, files: list[str], shards: int) -> JsonObject:
        """Compare what this worker serves with the tensors of safetensors files; `shards` is the number of workers that
        share the model.
        """
        parts = list(_served_parts(self.model_runner.get_model()))
        return Files(parts, shards, _device()).compare(lambda: _tensors(files)).plain()

    def compare_adapter(self, file: str, scalings: dict[str, float], shards: int) -> JsonObject:
        """Compare the adapter that is served with the tensors of its file, those in `scalings` times their number, as
        vLLM keeps each lora_B.
        """
        parts = list(_adapter_parts(self.model_runner.get_model()))
        dtype = next((part.dtype for part in parts), None)
        compared = Files(parts, shards, _device()).compare(
            lambda: ((n, t.to(dtype) * scalings.get(n, 1)) for n, t in _tensors([file]))
        )
        return compared.plain()

    def refresh_tied_head(self) -> int:
        """Bring an output head that shares the embedding's weight up to date; the number of heads refreshed.

        vLLM's CPU build packs the head into a private copy when a model is loaded. A tied head has no tensor of
        its own in the checkpoint, so a reload passes over it and the old copy goes on being used: every
        log-probability is then wrong while the reload reports success. On CUDA the packing does nothing.
        """
        from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding

        modules = list(self.model_runner.get_model().modules())
        heads = [module for module in modules if isinstance(module, ParallelLMHead)]
        shared = {
            id(module.weight)
            for module in modules
            if isinstance(module, VocabParallelEmbedding) and not isinstance(module, ParallelLMHead)
        }
        tied = [head for head in heads if id(head.weight) in shared]
        for head in tied:
            head.quant_method.process_weights_after_loading(head)
        return len(tied)

    def ignored_biases(self) -> int:
        """The number of layers of experts whose correction bias has an effect and is not used; 0 on a GPU.

        vLLM's CPU router (`CPURouter._compute_routing`, 0.32) takes the bias where experts are chosen by groups, and
        passes over it where they are chosen by their softmax alone: other experts answer, without a word.
        """
        try:
            from vllm.model_executor.layers.fused_moe.router.cpu_router import CPURouter
        except ImportError:
            return 0
        routers = {
            id(value): value
            for module in self.model_runner.get_model().modules()
            for value in vars(module).values()
            if isinstance(value, CPURouter)
        }
        return sum(
            router.e_score_correction_bias is not None
            and not router.use_grouped_topk
            and router.custom_routing_function is None
            and bool(router.e_score_correction_bias.any())
            for router in routers.values()
        )


def _served_parts(model: Module) -> Iterator[Part]:
    """The rows of every parameter of a model: as they lie in memory, and as they were when they were packed."""
    for front, module in model.named_modules():
        # A wrapper for adapters stands between a module's name and its parameters.
        name = front.replace(".base_layer", "")
        packed = _packed.get(module, {})
        for own, part in packed.items():
            yield replace(part, name=f"{name}.{own}")
        for own, parameter in module.named_parameters(recurse=False):
            if parameter.numel() and not own.startswith(_DERIVED) and not (own in packed and _is_rearranged(module)):
                yield Part.of(f"{name}.{own}", parameter, vocabulary=_is_vocabulary(module))
        # Some models load numbers into buffers (Gemma 4's layer_scalar); others only compute what they keep there.
        for own, buffer in module.named_buffers(recurse=False):
            if buffer.is_floating_point() and buffer.numel() and own not in module._non_persistent_buffers_set:
                yield replace(Part.of(f"{name}.{own}", buffer), buffer=True)


def _is_rearranged(module: Module) -> bool:
    """Whether the module's parameters no longer have the rows that were packed."""
    return not _is_vocabulary(module)


def _adapter_parts(model: Module) -> Iterator[Part]:
    """The rows of the one adapter that is served: each half of each module."""
    for name, module in model.named_modules():
        for half in ("lora_a_stacked", "lora_b_stacked"):
            for at, stacked in enumerate(vars(module).get(half, ())):
                yield Part.of(f"{name}.{half}.{at}", stacked, longer=True)


def _device() -> str:
    from vllm.platforms import current_platform

    return str(current_platform.device_type)


def _tensors(files: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                yield name, tensors.get_tensor(name)
