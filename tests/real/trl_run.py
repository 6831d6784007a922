"""A short training by TRL and the loss that it reports itself: `python -m tests.real.trl_run SHAPE FAMILY OUT`.

Runs under TRL 0.24 and 1.16 alike. Leaves `ck/checkpoint-N` (with `--lora`, an adapter over `base`), `val.jsonl` with
the rows that the trainer was evaluated on, and `expected.json`: the exponential of the trainer's evaluation loss per
token in the loss, and how many those are.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.real.making import LORA, llama, tokenizer, write_lines

COLORS = ("red", "blue", "teal", "pink", "lime", "sky", "rose", "cyan")
# Marks the answers for TRL's `assistant_only_loss`, the end of the turn among them.
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ m['content'] }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _ask(number: int) -> str:
    return f"A {COLORS[number % len(COLORS)]} card, number {number}"


def _answer(number: int) -> str:
    return f"<div class='bg-{COLORS[number % len(COLORS)]}-500 p-4'>card {number}</div>"


def _turns(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": _ask(number)}, {"role": "assistant", "content": _answer(number)}]


SYSTEM = "You write Tailwind pages."
SHAPES: dict[str, Any] = {
    "messages": lambda at: {"messages": _turns(at)},
    "chat_pair": lambda at: {"prompt": _turns(at)[:1], "completion": _turns(at)[1:]},
    "plain_pair": lambda at: {"prompt": _ask(at), "completion": f" {_answer(at)}"},
    "text": lambda at: {"text": f"{_ask(at)}\n{_answer(at)}"},
    "sharegpt": lambda at: {
        "conversations": [{"from": "human", "value": _ask(at)}, {"from": "gpt", "value": _answer(at)}]
    },
    "preference": lambda at: {
        "prompt": _turns(at)[:1],
        "chosen": _turns(at)[1:],
        "rejected": [{"role": "assistant", "content": "no"}],
    },
    "system_column": lambda at: {"system": SYSTEM, "messages": _turns(at)},
}
"""How a row looks in the validation file."""


def _trained(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row as TRL's SFT trainer takes it: what the other trainers make of their own shapes."""
    if name == "sharegpt":
        ask, answer = (turn["value"] for turn in row["conversations"])
        return {"messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]}
    if name == "preference":
        return {"prompt": row["prompt"], "completion": row["chosen"]}
    if name == "system_column":
        return {"messages": [{"role": "system", "content": row["system"]}, *row["messages"]]}
    return row


def _llama2() -> Any:
    """Metaspace pieces and a begin-of-text token, as Llama 2 has them."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "<|im_start|>", "<|im_end|>"]
    bpe.train_from_iterator(
        [f"{_ask(at)} {_answer(at)}" for at in range(64)],
        trainers.BpeTrainer(vocab_size=360, special_tokens=special, show_progress=False),
    )
    bpe.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", bpe.token_to_id("<s>"))]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )
    fast.chat_template = MARKED
    return fast


FAMILIES = {"bytes": lambda: tokenizer(template=MARKED), "llama2": _llama2}


def _labelled(trainer: Any) -> Iterator[tuple[float, int]]:
    """(summed loss, tokens) of each row of the trainer's own evaluation set, in its own batches."""
    import torch

    trainer.model.eval()
    for batch in trainer.get_eval_dataloader():
        labels = batch["labels"]
        with torch.no_grad():
            given = {key: value for key, value in batch.items() if key in ("input_ids", "attention_mask")}
            logits = trainer.model(**given).logits[:, :-1].double()
        wanted = labels[:, 1:]
        scores = torch.log_softmax(logits, -1).gather(-1, wanted.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        yield -float(scores[wanted != -100].sum()), int((wanted != -100).sum())


def run(name: str, family: str, out: Path, *, lora: bool) -> None:
    """Train, evaluate, and write what is to be expected."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    tokens = FAMILIES[family]()
    base = llama(tokens).float()
    base.save_pretrained(out / "base")
    tokens.save_pretrained(out / "base")
    rows = [SHAPES[name](at) for at in range(64, 72)]
    train = [_trained(name, SHAPES[name](at)) for at in range(64)]
    settings = SFTConfig(
        output_dir=str(out / "ck"),
        max_steps=60,
        save_steps=60,
        logging_steps=10,
        per_device_train_batch_size=4,
        per_device_eval_batch_size=1,
        learning_rate=5e-3,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_only_model=True,
        disable_tqdm=True,
        assistant_only_loss="messages" in train[0],
    )
    trainer = SFTTrainer(
        model=base,
        args=settings,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list([_trained(name, row) for row in rows]),
        processing_class=tokens,
        peft_config=LoraConfig(**LORA) if lora else None,
    )
    trainer.train()
    sums = list(_labelled(trainer))
    nll, count = sum(loss for loss, _ in sums), sum(tokens for _, tokens in sums)
    write_lines(out / "val.jsonl", rows)
    expected = {"perplexity": math.exp(nll / count), "tokens": count}
    (out / "expected.json").write_text(json.dumps(expected))


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lora", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    run(options.shape, options.family, options.out, lora=options.lora)


if __name__ == "__main__":
    main()
