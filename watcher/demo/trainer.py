"""The demo's trainer: a Llama of a million parameters, trained from scratch by the real Hugging Face `Trainer`.

Run as `python -m watcher.demo.trainer --out DIR`. It knows nothing of uimon: it writes ordinary checkpoints to
`DIR/checkpoints` and logs to W&B if asked to (`--report-to wandb`), where the environment alone decides which run
it writes to (`WANDB_MODE`, `WANDB_RUN_ID`, `WANDB_PROJECT`). The seconds each step took go to
`DIR/step_times.jsonl`, outside the checkpoints, one object `{"step", "seconds", "time"}` a line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.demo.dataset import Collapse, write_dataset

VOCABULARY = 1024
PAD, TURN_START, TURN_END = "<|pad|>", "<|im_start|>", "<|im_end|>"
FEVER = 50
"""By how much the learning rate of a demo that is to collapse is too high."""
IGNORED = -100  # the label that PyTorch's cross entropy leaves out

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

Messages = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Options:
    """What one training run is: `steps` of `batch` sequences; a checkpoint every `save_steps`, the last two kept.

    `collapse` is what goes wrong after the first half of the steps.
    """

    out: Path
    steps: int = 300
    save_steps: int = 50
    batch: int = 24
    lr: float = 3e-3
    seed: int = 0
    threads: int = 1
    report_to: str = "none"
    run_name: str | None = None
    collapse: Collapse | None = None

    @property
    def healthy_steps(self) -> int:
        """Steps before the collapse."""
        return self.steps // 2


def read_messages(path: Path) -> list[Messages]:
    """The chat records of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["messages"] for line in lines]


def train_tokenizer(records: Sequence[Messages]) -> Any:
    """A byte-level BPE tokenizer of `VOCABULARY` tokens for these records, with the ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    def texts() -> Iterator[str]:
        for record in records:
            for message in record:
                yield message["role"] + "\n"
                yield message["content"]

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        texts(),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[PAD, TURN_START, TURN_END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=TURN_END,
        additional_special_tokens=[TURN_START],
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def build_model(tokenizer: Any) -> Any:
    """An untrained Llama of 0.9 M parameters whose generation ends at the end-of-turn token."""
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    end, pad = tokenizer.convert_tokens_to_ids([TURN_END, PAD])
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=1024,
            tie_word_embeddings=False,
            # The usual 0.02 suits wide models; at width 128 it starts so small that 300 steps teach the syntax
            # but not to take the color and the topic from the prompt.
            initializer_range=0.06,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=pad,
        )
    )
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=pad)
    return model


def encode(tokenizer: Any, record: Messages) -> dict[str, list[int]]:
    """Token ids of one record; the labels leave out everything but the assistant's turn and its end token."""
    prompt = tokenizer.apply_chat_template(record[:-1], tokenize=False, add_generation_prompt=True)
    prompt_ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids: list[int] = tokenizer(record[-1]["content"] + TURN_END, add_special_tokens=False)["input_ids"]
    return {"input_ids": prompt_ids + answer_ids, "labels": [IGNORED] * len(prompt_ids) + answer_ids}


def collate(items: Sequence[dict[str, list[int]]], pad: int) -> dict[str, Any]:
    """One batch, padded on the right to its longest sequence."""
    import torch

    width = max(len(item["input_ids"]) for item in items)

    def padded(key: str, fill: int) -> Any:
        return torch.tensor([item[key] + [fill] * (width - len(item[key])) for item in items])

    ids = padded("input_ids", pad)
    lengths = torch.tensor([[len(item["input_ids"])] for item in items])
    mask = (torch.arange(width) < lengths).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": padded("labels", IGNORED)}


def _step_clock(path: Path) -> Any:
    """A callback that appends how long each optimizer step took (saving and logging between steps not included)."""
    from transformers import TrainerCallback

    class StepClock(TrainerCallback):  # type: ignore[misc, unused-ignore]
        started = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.started = time.perf_counter()

        def on_step_end(self, _args: Any, state: Any, _control: Any, **__: Any) -> None:
            seconds = time.perf_counter() - self.started
            record = {"step": state.global_step, "seconds": round(seconds, 6), "time": time.time()}
            with path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(record) + "\n")

    return StepClock()


def _fever(options: Options) -> Any:
    """A callback that makes the learning rate fifty times as high once the healthy steps are over."""
    from transformers import TrainerCallback

    class Fever(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_step_begin(self, _args: Any, state: Any, _control: Any, **parts: Any) -> None:
            # The scheduler sets the rate anew after each step.
            if options.collapse is Collapse.LR and state.global_step >= options.healthy_steps:
                for group in parts["optimizer"].param_groups:
                    group["lr"] *= FEVER

    return Fever()


def train(options: Options) -> Path:
    """Train as `options` say and return the directory that holds the checkpoints."""
    import torch
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainingArguments, set_seed

    class InOrder(Trainer):  # type: ignore[misc, unused-ignore]
        """The records are drawn in random order already; kept in it, so that a collapse begins at its step."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    torch.set_num_threads(options.threads)
    set_seed(options.seed)
    train_path, val_path = write_dataset(
        options.out,
        seed=options.seed,
        train=options.steps * options.batch,
        collapse=options.collapse,
        healthy=options.healthy_steps * options.batch,
    )
    records = read_messages(train_path)
    tokenizer = train_tokenizer([*records, *read_messages(val_path)])
    checkpoints = options.out / "checkpoints"
    trainer = InOrder(
        model=build_model(tokenizer),
        processing_class=tokenizer,
        train_dataset=[encode(tokenizer, record) for record in records],
        data_collator=lambda items: collate(items, tokenizer.pad_token_id),
        callbacks=[_step_clock(options.out / "step_times.jsonl"), _fever(options)],
        args=TrainingArguments(
            output_dir=str(checkpoints),
            run_name=options.run_name,
            max_steps=options.steps,
            per_device_train_batch_size=options.batch,
            learning_rate=options.lr,
            lr_scheduler_type="cosine",
            warmup_steps=min(20, options.steps // 10),
            adam_beta2=0.98,
            max_grad_norm=1.0,
            logging_steps=1,
            save_steps=options.save_steps,
            save_total_limit=2,
            report_to=options.report_to,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            disable_tqdm=True,
            use_cpu=True,
            seed=options.seed,
        ),
    )
    trainer.train()
    return checkpoints


def _parse(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m watcher.demo.trainer", argument_default=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, required=True, help="data, step times and checkpoints go here")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--save-steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--report-to", choices=("none", "wandb"))
    parser.add_argument("--run-name")
    parser.add_argument("--collapse", type=Collapse, choices=list(Collapse))
    return Options(**vars(parser.parse_args(arguments)))


def main() -> int:
    """Entry of `python -m watcher.demo.trainer`."""
    # A tokenizer's worker threads would take the core that the training is to be measured on.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    train(_parse(sys.argv[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
