"""Likelihoods by transformers: `python reference_nll.py MODEL ADAPTER|-... < prompts.json > sums.json`, in fp32.

Input: a list of [prompt ids, reference ids]; output: for each adapter (`-` is the model itself) a list with the
negative log-likelihood of each reference in nats.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
)


def loaded(model_dir: str, adapter: str) -> Any:
    """The model, with the adapter over it; embeddings that the adapter resized are resized first."""
    config = AutoConfig.from_pretrained(model_dir)
    # Models for images and text are no causal language models in transformers' tables, all but a few.
    kind = AutoModelForCausalLM if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING else AutoModelForImageTextToText
    model = kind.from_pretrained(model_dir, dtype=torch.float32)
    if adapter == "-":
        return model
    from peft import PeftModel
    from safetensors import safe_open

    with safe_open(f"{adapter}/adapter_model.safetensors", "pt") as tensors:
        rows = [
            tensors.get_slice(name).get_shape()[0]
            for name in tensors.keys()  # noqa: SIM118
            if ("embed_tokens." in name or "lm_head." in name) and name.endswith(".weight") and "lora_" not in name
        ]
    if rows and max(rows) != model.config.vocab_size:
        model.resize_token_embeddings(max(rows), mean_resizing=False)
    return PeftModel.from_pretrained(model, adapter)


def sums(model: Any, asked: list[list[list[int]]]) -> list[float]:
    """The negative log-likelihood of each reference."""
    found = []
    with torch.no_grad():
        for prompt, reference in asked:
            ids = torch.tensor([prompt + reference])
            scores = torch.log_softmax(model(input_ids=ids).logits[0].double(), dim=-1)
            at = range(len(prompt), len(prompt) + len(reference))
            found.append(-sum(scores[i - 1, ids[0, i]].item() for i in at))
    return found


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump([sums(loaded(sys.argv[1], adapter), asked) for adapter in sys.argv[2:]], sys.stdout)
