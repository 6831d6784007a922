"""Tiny random models with a real tokenizer, written as trainers write them.

`python tiny_models.py DIRECTORY` makes those that most tests use; names like `qwen3-tied-float32` after the directory
make those families instead. Runs as a program of its own, so that the tests' process imports neither torch nor
transformers. Two checkpoints of a family have the same shapes and different weights. The weights are large enough for
the answers to differ.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LINES = [
    "<div class='flex items-center gap-4 bg-blue-500 text-white'>Hello</div>",
    "<section class='grid grid-cols-3 p-8'><button class='rounded-lg'>Save</button></section>",
    "Write a pricing page with three cards and a header in Tailwind CSS.",
    "Make a login form with an email field, a password field and a button.",
]
SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def tokenizer() -> Any:
    """A byte-level BPE tokenizer trained on a few lines, with ChatML."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(LINES * 4, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    fast.chat_template = CHATML
    return fast


def model(family: str, tied: bool, seed: int, dtype: str = "bfloat16", **shape: int) -> Any:
    """A random causal language model."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

    kind = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}[family]
    config = kind(
        tie_word_embeddings=tied,
        eos_token_id=0,
        bos_token_id=None,
        **{"vocab_size": 320, "head_dim": 32, **SHAPE, **shape},
    )
    torch.manual_seed(seed)
    built = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if "norm" not in name:
                parameter.normal_(0.0, 0.15)
    return built.to(getattr(torch, dtype))


def save(built: Any, path: Path, **options: Any) -> None:
    """A checkpoint directory: weights, configuration and tokenizer."""
    built.save_pretrained(path, **options)
    tokenizer().save_pretrained(path)


def save_adapter(base: Path, path: Path, seed: int | None, targets: list[str]) -> None:
    """A LoRA adapter of rank 8 for `base`; without a seed its B halves stay zero, as at the start of training."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    wrapped = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=8, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM"),
    )
    if seed is not None:
        torch.manual_seed(seed)
        with torch.no_grad():
            for name, parameter in wrapped.named_parameters():
                if "lora_" in name:
                    parameter.normal_(0.0, 0.1)
    wrapped.save_pretrained(path)


def build(root: Path) -> None:
    """Everything that the engine's tests use."""
    for name, family, tied in (("untied", "llama", False), ("tied", "qwen2", True), ("biased", "qwen2", False)):
        for letter, seed in (("a", 1), ("b", 2)):
            save(model(family, tied, seed), root / f"{name}-{letter}")
    save(model("llama", False, 2), root / "untied-b-sharded", max_shard_size="200KB")
    save(model("llama", False, 3, num_hidden_layers=2), root / "two-layers")
    save(model("llama", False, 1, dtype="float32"), root / "fp32")
    adapters: list[tuple[str, int | None]] = [("one", 11), ("two", 12), ("zero", None)]
    for name, adapter_seed in adapters:
        save_adapter(root / "untied-a", root / f"adapter-{name}", adapter_seed, ["q_proj", "v_proj", "down_proj"])


def build_family(root: Path, name: str) -> None:
    """In `root`, checkpoints `a` and `b` of the family `name`, `b` in shards as well, and two adapters of `a`."""
    family, head, dtype = name.split("-")
    for letter, seed in (("a", 1), ("b", 2)):
        built = model(family, head == "tied", seed, dtype)
        save(built, root / letter)
    save(built, root / "b-sharded", max_shard_size="200KB")
    for number in (1, 2):
        save_adapter(root / "a", root / f"adapter-{number}", 10 + number, ["q_proj", "v_proj", "down_proj"])


if __name__ == "__main__":
    directory, *families = sys.argv[1:]
    for wanted in families:
        build_family(Path(directory) / wanted, wanted)
    if not families:
        build(Path(directory))
