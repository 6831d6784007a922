"""What uimon adds to vLLM's workers; named to vLLM by dotted path, so it is imported wherever a worker runs."""

from __future__ import annotations

from typing import Any


class WorkerExtension:
    """Mixed into the worker class by vLLM; `self.model_runner` is the worker's."""

    model_runner: Any

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
