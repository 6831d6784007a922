"""How far a merged checkpoint is from the model that was trained: `python -m tests.engine.merge_exactness ROOT`.

Prints a JSON object: for every variant over an untied and a tied base, both in fp32, the largest difference of
log-probabilities in nats, or the reason of a refusal. Runs as a program of its own, so that torch is imported once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.engine.adapter_variants import VARIANTS, WITH_BIASES, Variant, broken, trained
from tests.engine.tiny_models import model, save
from watcher.engine.host.merging import merge
from watcher.model import UimonError


def log_probabilities(model: Any) -> Any:
    """Of every token after every prefix of two fixed sequences of 48 tokens."""
    import torch

    ids = torch.randint(0, 320, (2, 48), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.eval()(ids).logits.log_softmax(-1)


def measure(variant: Variant, base: Path, root: Path) -> float | str:
    """The largest difference, or the reason of the refusal."""
    import torch
    from transformers import AutoModelForCausalLM

    due = None
    if variant.source:
        broken(variant, root)
    else:
        wrapped = trained(variant, base)
        due = log_probabilities(wrapped)
        wrapped.save_pretrained(root / variant.name)
    target = root / f"{variant.name}-merged"
    try:
        merge(base, root / variant.name, target)
    except UimonError as error:
        return error.reason.value
    merged = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    return float((log_probabilities(merged) - due).abs().max())


def main(root: Path) -> None:
    """All variants over both bases; those that need biases over the one that has them."""
    found: dict[str, float | str] = {}
    for name, family, tied in (("untied", "llama", False), ("tied", "qwen2", True)):
        save(model(family, tied, 1, dtype="float32"), root / name / "base")
        for variant in (*VARIANTS, *(WITH_BIASES if tied else ())):
            found[f"{name}/{variant.name}"] = measure(variant, root / name / "base", root / name)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
