"""What TRL's own trainer makes of rows, beside what uimon makes of the same: tokens, and which of them are in the loss.

`tokens` writes `tokens.json`: for each family of tokenizers and each shape, the trainer's ids and labels of each row
and uimon's, computed in one process without an engine.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.real.making import CHATML, Case, llama, save, tokenizer, write_lines

TOOLS = [{"type": "function", "function": {"name": "paint", "description": "d", "parameters": {"type": "object"}}}]
CALL = {"type": "function", "function": {"name": "paint", "arguments": {"color": "red"}}}
# All that a message can bring: reasoning, tool calls, the name of a tool, and tools beside the messages.
RICH = (
    "{% if tools %}{{ '<|im_start|>system\n' + (tools | tojson) + (tone or '') + '<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + (' ' + m.name if m.name else '') + '\n' }}"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m['content'] or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Opens a thinking block that a finished conversation does not have.
OPENED = CHATML.replace("{{ '<|im_start|>assistant\n' }}", "{{ '<|im_start|>assistant\n<think>\n' }}")
MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' %}{% generation %}"
    "{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}"
    "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Takes text and parts: without the blanks around each, and with a mark before each.
TRIMMED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] | trim }}"
    "{% else %}{% for part in m['content'] %}{{ part['text'] | trim }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TYPED = TRIMMED.replace("{{ part['text'] | trim }}", "[{{ part['type'] }}]{{ part['text'] }}")
INST = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}<<SYS>> {{ m['content'] }} <</SYS>> "
    "{% elif m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% else %} {{ m['content'] }} {{ eos_token }}"
    "{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
Shapes = dict[str, tuple[dict[str, Any], dict[str, Any]]]
COLORS = ("red", "blue", "teal", "pink")


def ask(number: int) -> str:
    return f"A {COLORS[number % 4]} card, number {number}"


def answer(number: int) -> str:
    return f"<div class='bg-{COLORS[number % 4]}-500 p-4'>card {number}</div>"


TEXTS = [f"{ask(at)} {answer(at)} You write pages." for at in range(64)]


def _fast(model: Any, special: Sequence[str], template: str, **names: str) -> Any:
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=model, **names)
    fast.add_special_tokens({"additional_special_tokens": list(special)})
    fast.chat_template = template
    return fast


def _llama2() -> Any:
    """Byte fallback, blanks as pieces, a begin-of-text token before every text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

    bpe = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=360, special_tokens=special, show_progress=False))
    begin = [("<s>", bpe.token_to_id("<s>"))]
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=begin)
    return _fast(bpe, (), INST, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>")


def _unigram() -> Any:
    """Pieces by their likelihood, and a template that has no system turn."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=special,
        unk_token="<unk>",
        initial_alphabet=["\n", *(chr(code) for code in range(33, 127))],
        show_progress=False,
    )
    unigram.train_from_iterator(TEXTS, trainer)
    turns = ("<start_of_turn>", "<end_of_turn>")
    return _fast(unigram, turns, GEMMA, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>")


def _wordpiece() -> Any:
    """Words and their ends, with a special token before and one behind every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    alphabet = [chr(code) for code in range(33, 127)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    words.train_from_iterator(TEXTS, trainer)
    around = [(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    ends = ("<|im_start|>", "<|im_end|>")
    return _fast(words, ends, CHATML, eos_token="[SEP]", unk_token="[UNK]", pad_token="[PAD]")


FAMILIES: Mapping[str, Callable[[], Any]] = {
    "bytes": lambda: tokenizer(),
    "bytes_rich": lambda: tokenizer("<think>", "</think>", "<tool_call>", template=RICH),
    "bytes_opened": lambda: tokenizer(template=OPENED),
    "bytes_marked": lambda: tokenizer(template=MARKED),
    "bytes_trimmed": lambda: tokenizer(template=TRIMMED),
    "bytes_typed": lambda: tokenizer(template=TYPED),
    "llama2": _llama2,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
}


def _turns(number: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": ask(number)}, {"role": "assistant", "content": answer(number)}]


def _pair(turns: Sequence[Mapping[str, Any]], **rest: Any) -> dict[str, Any]:
    """Turns as TRL's SFT trainer takes them where the last one alone is in the loss."""
    return {"prompt": list(turns[:-1]), "completion": [turns[-1]], **rest}


def _shapes(number: int) -> Shapes:
    """By the shape's name: the row of the validation file, and the row as TRL's trainer takes it."""
    turns, said, told = _turns(number), ask(number), answer(number)
    system = [{"role": "system", "content": "You write pages."}, *turns]
    longer = [*_turns(number + 1), *turns]
    named = [{"from": "human", "value": said}, {"from": "gpt", "value": told}]
    unmapped = [{"role": turn["from"], "content": turn["value"]} for turn in named]
    rejected = [{"role": "assistant", "content": "no"}]
    plain = {"prompt": f"{said}\n", "completion": told}
    alpaca = (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        f"\n\n### Instruction:\n{said}\n\n### Response:\n"
    )
    as_text = {"prompt": alpaca, "completion": told}
    no_user = [system[0], turns[-1]]
    as_json = json.dumps({"user": said, "plan": "pro"})
    return {
        "messages": ({"messages": turns}, _pair(turns)),
        "several_turns": ({"messages": longer}, _pair(longer)),
        "system_turn": ({"messages": system}, _pair(system)),
        "system_column": ({"system": "You write pages.", "messages": turns}, _pair(system)),
        "json_text": ({"messages": json.dumps(turns)}, _pair(turns)),
        "chat_pair": (_pair(turns), _pair(turns)),
        "sharegpt": ({"conversations": named}, _pair(turns)),
        "sharegpt_as_is": ({"conversations": named, "format": "sharegpt-as-is"}, _pair(unmapped)),
        "system_alone": ({"messages": no_user}, _pair(no_user)),
        "system_prompt": ({"system_prompt": "You write pages.", "messages": turns}, _pair(system)),
        "two_in_one": (
            {"conversation": [{"system": "You write pages.", "human": said, "assistant": told}]},
            _pair(system),
        ),
        "alpaca": ({"instruction": said, "input": "", "output": told}, _pair(turns)),
        "openorca": ({"system_prompt": "You write pages.", "question": said, "response": told}, _pair(system)),
        "query": ({"query": said, "response": told, "history": [[ask(number + 1), answer(number + 1)]]}, _pair(longer)),
        "preference": ({"chosen": turns, "rejected": [turns[0], *rejected]}, _pair(turns)),
        "preference_pair": ({"prompt": turns[:1], "chosen": turns[1:], "rejected": rejected}, _pair(turns)),
        "kto": ({**_pair(turns), "label": True}, _pair(turns)),
        "plain_pair": (plain, plain),
        "plain_seam": ({"prompt": said[:-1], "completion": said[-1] + told},) * 2,
        "plain_json_prompt": ({"prompt": as_json, "completion": told},) * 2,
        "plain_json_answer": ({"prompt": said, "completion": json.dumps({"role": "button", "content": told})},) * 2,
        "plain_json_list": ({"prompt": json.dumps([{"from": "2024-01-01", "to": said}]), "completion": told},) * 2,
        "plain_empty": ({"prompt": said, "completion": ""},) * 2,
        "plain_blank": ({"prompt": f"{said} ", "completion": told},) * 2,
        "plain_preference": ({"prompt": f"{said}\n", "chosen": told, "rejected": "no"}, plain),
        "alpaca_text": ({"instruction": said, "output": told, "format": "alpaca-text"}, as_text),
        "text": ({"text": f"{said}\n{told}"},) * 2,
    }


def _rich(number: int) -> Shapes:
    """Rows whose messages have keys of their own."""
    asked: dict[str, Any] = {"role": "user", "content": ask(number), "name": "ann"}
    thought = [asked, {"role": "assistant", "content": answer(number), "reasoning_content": "Red it is."}]
    calling = [asked, {"role": "assistant", "content": "", "tool_calls": [CALL]}]
    called = [*calling, {"role": "tool", "name": "paint", "content": "done"}, _turns(number)[1]]
    function = [
        {"from": "human", "value": ask(number), "name": "ann"},
        {"from": "function_call", "value": json.dumps(CALL["function"])},
        {"from": "observation", "value": "done", "name": "paint"},
        {"from": "gpt", "value": answer(number)},
    ]
    extra = {"tools": TOOLS, "chat_template_kwargs": {"tone": "calm"}}
    return {
        "reasoning": ({"messages": thought}, _pair(thought)),
        "tool_call": ({"messages": calling, "tools": TOOLS}, _pair(calling, tools=TOOLS)),
        "tool_result": ({"messages": called, "tools": json.dumps(TOOLS)}, _pair(called, tools=TOOLS)),
        "template_kwargs": ({"messages": thought, **extra}, _pair(thought, **extra)),
        "sharegpt_calls": ({"conversations": function, "tools": json.dumps(TOOLS)}, _pair(called, tools=TOOLS)),
    }


def _parts(number: int) -> Shapes:
    """Turns whose content is in parts, which trainers hand to the template as they are."""

    def parted(turn: Mapping[str, Any]) -> dict[str, Any]:
        halves = turn["content"].rpartition(" ")
        return {**turn, "content": [{"type": "text", "text": text} for text in (f"{halves[0]}\n", halves[2])]}

    turns = [parted(turn) for turn in _turns(number)]
    return {"parts": ({"messages": turns}, _pair(turns)), "parts_pair": (_pair(turns), _pair(turns))}


# Rows that a family's template refuses, as it would in training.
REFUSED = {
    "unigram": {"system_turn", "system_column", "system_prompt", "system_alone", "two_in_one", "openorca"},
}


def _tokens(out: Path) -> None:
    """Every family's ids of every shape, by TRL and by uimon."""
    found: dict[str, Any] = {}
    for family, make in FAMILIES.items():
        place = out / family
        tokens = make()
        model = llama(tokens, bos_token_id=tokens.bos_token_id).float()
        model.config.save_pretrained(place)
        tokens.save_pretrained(place)
        trainer = _trainer(model, tokens, place, marked=False)
        parted = family in ("bytes_trimmed", "bytes_typed")
        for name in _parts(0) if parted else _shapes(0) | (_rich(0) if family == "bytes_rich" else {}):
            if name not in REFUSED.get(family, ()):
                rows = [(_shapes(at) | _rich(at) | _parts(at))[name] for at in range(2)]
                trls = _by_trl(trainer, [row for _, row in rows], place / f"{name}.jsonl")
                found[f"{family} {name}"] = [trls, _by_uimon(place, [row for row, _ in rows])]
        if family == "bytes_marked":
            marked = _trainer(model, tokens, place, marked=True)
            found["bytes_marked assistant_only_loss"] = [
                _by_trl(marked, [{"messages": _turns(at)} for at in range(2)], place / "marked.jsonl"),
                _by_uimon(place, [{"messages": _turns(at)} for at in range(2)]),
            ]
    (out / "tokens.json").write_text(json.dumps(found))


def _trainer(model: Any, tokens: Any, place: Path, *, marked: bool) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = Dataset.from_list([{"messages": _turns(0)} if marked else _pair(_turns(0))])
    settings = SFTConfig(
        str(place / "out"),
        report_to=[],
        use_cpu=True,
        bf16=False,
        max_length=None,
        disable_tqdm=True,
        assistant_only_loss=marked,
    )
    return SFTTrainer(model, args=settings, train_dataset=rows, processing_class=tokens)


def _by_trl(trainer: Any, rows: list[dict[str, Any]], file: Path) -> list[list[list[int]]]:
    """(input ids, labels) of each row as the trainer's own preparation and collator have them."""
    from datasets import load_dataset

    write_lines(file, rows)
    raw = load_dataset("json", data_files=str(file), split="train", cache_dir=str(file.parent / "cache"))
    trainer.completion_only_loss = "prompt" in rows[0]
    done = trainer._prepare_dataset(raw, trainer.processing_class, trainer.args, False, None, file.stem)
    batches = (trainer.data_collator([{key: row[key] for key in ("input_ids", "labels")}]) for row in done)
    return [[batch["input_ids"][0].tolist(), batch["labels"][0].tolist()] for batch in batches]


def _by_uimon(place: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The prompts that uimon renders of the same rows, read from a file."""
    from dataclasses import asdict

    from watcher.engine.host.prompts import render
    from watcher.engine.protocol import Render
    from watcher.validation import choose, load_val

    shape = rows[0].get("format")
    file = write_lines(place / "val.jsonl", [{key: row[key] for key in row if key != "format"} for row in rows])
    val = load_val(file, None, choose(shape))
    assert len(val.conversations) == len(rows), val.summary
    rendered = render(Render(place, place, val.conversations, None, {}, None, None), 100_000)
    assert not rendered.skipped, rendered.skipped
    return [asdict(prompt) for prompt in rendered.prompts]


def _files(place: Path) -> None:
    """The same rows in the files and shapes that people have them in, by the name of the file."""
    system = {"role": "system", "content": "You write pages."}
    rows = [_turns(at) for at in range(4)]
    column = [{"system": system["content"], "messages": turns} for turns in rows[:2]]
    column += [{"system": system["content"], "prompt": q["content"], "completion": a["content"]} for q, a in rows[2:]]
    roles = {"system": "system", "user": "human", "assistant": "gpt"}
    named = [[{"from": roles[turn["role"]], "value": turn["content"]} for turn in (system, *turns)] for turns in rows]
    lists = [{"messages": turns} for turns in rows]
    text = "".join(json.dumps(row) + "\n" for row in lists)
    write_lines(place / "system.jsonl", column)
    write_lines(place / "json_text.jsonl", [{"messages": json.dumps(turns)} for turns in rows])
    write_lines(place / "sharegpt.jsonl", [{"conversations": turns, "score": 1} for turns in named])
    (place / "array.json").write_text(json.dumps(lists, indent=2))
    (place / "gz.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (place / "utf16.jsonl").write_bytes(text.encode("utf-16"))
    pq.write_table(pa.Table.from_pylist(lists), place / "chat.parquet")
    write_lines(place / "text.jsonl", [{"text": f"{ask(at)} {answer(at)}"} for at in range(4)])
    write_lines(place / "pair.jsonl", [{"prompt": ask(at), "completion": f" {answer(at)}"} for at in range(4)])
    picture = [{"type": "image", "image": "mock.png"}, {"type": "text", "text": "Build this page"}]
    shown = [{"messages": [{"role": "user", "content": picture}, turns[1]], "images": ["mock.png"]} for turns in rows]
    write_lines(place / "images.jsonl", shown)
    write_lines(place / "some_images.jsonl", [lists[0], *shown])


def _loss(model: Any, ids: list[int], start: int) -> tuple[float, int]:
    """Summed loss of `ids` from `start` on, and how many they are."""
    import torch

    with torch.no_grad():
        scores = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return -sum(float(scores[at - 1, ids[at]]) for at in range(start, len(ids))), len(ids) - start


def _served(out: Path) -> None:
    """A checkpoint without a chat template and one with, the files, and what transformers makes of them."""
    for name, template in (("ck", CHATML), ("bare", None)):
        tokens = tokenizer(template=template)
        model = llama(tokens, initializer_range=0.2, tie_word_embeddings=False)
        save(model, out / name / "checkpoint-10", tokens, 10)
    _files(out)
    model = model.float().eval()

    def perplexity(texts: Sequence[tuple[str, str]]) -> float:
        sums = []
        for before, text in texts:
            ids = tokens(before + text)["input_ids"]
            sums.append(_loss(model, ids, len(tokens(before)["input_ids"]) or 1))
        return math.exp(sum(nll for nll, _ in sums) / sum(count for _, count in sums))

    system = "<|im_start|>system\nYou write pages.<|im_end|>\n"
    chat = [
        (f"<|im_start|>user\n{ask(at)}<|im_end|>\n<|im_start|>assistant\n", f"{answer(at)}<|im_end|>")
        for at in range(4)
    ]
    expected = {
        "chat": perplexity(chat),
        "system": perplexity([(system + before, text) for before, text in chat]),
        "pair": perplexity([(ask(at), f" {answer(at)}<|im_end|>") for at in range(4)]),
        "text": perplexity([("", f"{ask(at)} {answer(at)}<|im_end|>") for at in range(4)]),
    }
    (out / "expected.json").write_text(json.dumps(expected))


CASES: Mapping[str, Case] = {"tokens": _tokens, "served": _served, "files": _files}
