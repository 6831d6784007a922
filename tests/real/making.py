"""Small trainings as people leave them on disk: `python -m tests.real.making MODULE PLACE [NAME...]`.

A module of cases (`tests.real.cases_…`) has `CASES`, a name for each function that fills a directory. They run as a
program of their own, all of a module in one, so that the tests' process imports neither torch nor transformers.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Case = Callable[[Path], None]

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ANSWER = "<div class='bg-blue-500 p-4'>hello</div>"
LORA = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"}


def tokenizer(*extra: str, template: str | None = CHATML, **options: Any) -> Any:
    """A byte-level BPE tokenizer whose turns end with `<|im_end|>`; `extra` are further special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *extra],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([ANSWER] * 50, trainer)
    options = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", **options}
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, **options)
    if template:
        fast.chat_template = template
    return fast


def shape(tokens: Any, **changes: Any) -> dict[str, Any]:
    """What the configuration of a tiny decoder with this tokenizer takes, in the words that most families share."""
    usual = {
        "vocab_size": len(tokens),
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
        "bos_token_id": None,
    }
    return {**usual, **changes}


def model(config: Any, seed: int = 0, dtype: str = "bfloat16") -> Any:
    """A random causal language model, a `transformers` configuration given."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config).to(getattr(torch, dtype))


def llama(tokens: Any, seed: int = 0, **changes: Any) -> Any:
    """The plainest of them: a Llama."""
    from transformers import LlamaConfig

    return model(LlamaConfig(**shape(tokens, **changes)), seed)


def adapted(base: Any, seed: int = 0, **changes: Any) -> Any:
    """`base` with a LoRA adapter in which both halves are noise, so that it has an effect."""
    import torch
    from peft import LoraConfig, get_peft_model

    name = changes.pop("adapter_name", "default")
    wrapped = get_peft_model(base, LoraConfig(**{**LORA, **changes}), adapter_name=name)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return wrapped


def save(saved: Any, path: Path, tokens: Any, step: int | None = None, last: int = 20) -> None:
    """A model or adapter as a trainer leaves it; with a `step`, as its checkpoint of `last` steps in all."""
    saved.save_pretrained(path)
    tokens.save_pretrained(path)
    if step is not None:
        write_state(path, step, last)


def write_state(path: Path, step: int, last: int = 20, log: Iterable[Mapping[str, Any]] | None = None) -> None:
    """A `trainer_state.json` with a falling loss, or with the rows of `log`."""
    path.mkdir(parents=True, exist_ok=True)
    usual = (
        {"step": at, "loss": round(2.0 / at, 4), "grad_norm": 0.5, "learning_rate": 1e-4} for at in range(1, step + 1)
    )
    rows = [dict(row) for row in (usual if log is None else log)]
    state = {"global_step": step, "max_steps": last, "epoch": 1.0, "log_history": rows}
    (path / "trainer_state.json").write_text(json.dumps(state))


def chats(count: int = 8) -> list[dict[str, Any]]:
    """Validation rows in chat form."""
    asked = [{"role": "user", "content": "card"} for _ in range(count)]
    return [
        {"messages": [{**turn, "content": f"card {at}"}, {"role": "assistant", "content": ANSWER}]}
        for at, turn in enumerate(asked)
    ]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A JSON lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def main(module: str, place: str, *names: str) -> None:
    """Make the named cases of a module, all without names, each in a directory of its name."""
    cases: Mapping[str, Case] = importlib.import_module(module).CASES
    for name in names or cases:
        target = Path(place) / name
        target.mkdir(parents=True, exist_ok=True)
        cases[name](target)


if __name__ == "__main__":
    main(*sys.argv[1:])
