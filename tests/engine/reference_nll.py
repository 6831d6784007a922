"""Likelihoods by transformers: `python reference_nll.py MODEL ADAPTER|- < prompts.json > sums.json`, in fp32.

Input: a list of [prompt ids, reference ids]; output: for each the negative log-likelihood of the reference in nats.
"""

from __future__ import annotations

import json
import sys

import torch
from transformers import AutoModelForCausalLM


def main(model_dir: str, adapter: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    if adapter != "-":
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    sums = []
    with torch.no_grad():
        for prompt, reference in json.load(sys.stdin):
            ids = torch.tensor([prompt + reference])
            scores = torch.log_softmax(model(ids).logits[0].double(), dim=-1)
            at = range(len(prompt), len(prompt) + len(reference))
            sums.append(-sum(scores[i - 1, ids[0, i]].item() for i in at))
    json.dump(sums, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
