"""Trainings that stop an engine: a cache that is too small, a package that is missing, a base that is elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.real.making import adapted, chats, llama, save, shape, tokenizer, write_lines

COMMITS = {"main": "a" * 40, "stable": "b" * 40}


def revisions(place: Path) -> None:
    """An adapter over the revision `stable` of acme/tiny, of which the cache holds `main` too."""
    tokens = tokenizer()
    cache = place / "hf" / "hub" / "models--acme--tiny"
    (cache / "refs").mkdir(parents=True)
    bases: dict[str, Any] = {}
    for seed, (reference, commit) in enumerate(COMMITS.items()):
        bases[reference] = llama(tokens, seed)
        save(bases[reference], cache / "snapshots" / commit, tokens)
        (cache / "refs" / reference).write_text(commit)
    wrapped = adapted(bases["stable"], 3, revision="stable")
    save(wrapped, place / "ck" / "checkpoint-10", tokens, 10)
    _name_base(place / "ck" / "checkpoint-10", base_model_name_or_path="acme/tiny", revision="stable")
    write_lines(place / "val.jsonl", chats())
    (place / "truth.json").write_text(json.dumps({"stable": _perplexity(wrapped, tokens)}))


def relative(place: Path) -> None:
    """Adapters whose base is named by a path that is relative to where the trainer was started."""
    tokens = tokenizer()
    base = llama(tokens)
    save(base, place / "project" / "out" / "sft" / "merged", tokens)
    save(adapted(base, 3), place / "project" / "runs" / "dpo" / "checkpoint-10", tokens, 10)
    _name_base(place / "project" / "runs" / "dpo" / "checkpoint-10", base_model_name_or_path="out/sft/merged")
    write_lines(place / "val.jsonl", chats())


def wide(place: Path) -> None:
    """A model of which the default context takes 1.02 GiB of cache, and whose answers end at once."""
    tokens = tokenizer()
    heads = {"num_attention_heads": 64, "num_key_value_heads": 64, "head_dim": 256}
    for step in (10, 20):
        wide_model = llama(tokens, step, hidden_size=256, max_position_embeddings=32768, **heads)
        _end_at_once(wide_model, tokens.eos_token_id, step)
        save(wide_model, place / "ck" / f"checkpoint-{step}", tokens, step)
    write_lines(place / "val.jsonl", chats())


def module(place: Path) -> None:
    """A model whose class in vLLM needs torchvision."""
    import transformers

    tokens = tokenizer("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    ids = {
        name: tokens.convert_tokens_to_ids(f"<|{name}|>")
        for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    text = {
        **shape(tokens),
        "head_dim": 32,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
    }
    config = transformers.Qwen3_5Config(
        text_config=text,
        vision_config={
            "depth": 1,
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_heads": 4,
            "out_hidden_size": 128,
            "patch_size": 16,
            "deepstack_visual_indexes": [],
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    whole = transformers.Qwen3_5ForConditionalGeneration(config).to(dtype=__import__("torch").bfloat16)
    save(whole, place / "ck" / "checkpoint-10", tokens, 10)
    write_lines(place / "val.jsonl", chats())


def damaged(place: Path) -> None:
    """A checkpoint without one of its tensors, and a sound one."""
    from safetensors.torch import load_file, save_file

    tokens = tokenizer()
    save(llama(tokens), place / "ck" / "checkpoint-10", tokens, 10)
    file = place / "ck" / "checkpoint-10" / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.layers.1.self_attn.k_proj.weight"]
    save_file(tensors, file, {"format": "pt"})
    write_lines(place / "val.jsonl", chats())


def _end_at_once(silent: Any, end: int, strength: float) -> None:
    """Let every layer pass its input on, and the head see the token that ends a turn in whatever comes out."""
    import torch

    with torch.no_grad():
        for layer in silent.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        silent.model.embed_tokens.weight.fill_(1.0)
        silent.lm_head.weight.zero_()
        silent.lm_head.weight[end] = strength / 100


def _name_base(checkpoint: Path, **changes: object) -> None:
    file = checkpoint / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def _perplexity(wrapped: Any, tokens: Any) -> float:
    """transformers' own, of the last turn's tokens and the token that ends it, over the first four rows."""
    import torch

    total, count = 0.0, 0
    for row in chats(4):
        prompt = tokens.apply_chat_template(row["messages"][:-1], add_generation_prompt=True, tokenize=False)
        start = len(tokens(prompt)["input_ids"])
        ids = tokens(prompt + row["messages"][-1]["content"] + "<|im_end|>", return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits = wrapped(input_ids=ids).logits.float()
        scores = torch.log_softmax(logits[0, :-1], -1).gather(1, ids[0, 1:, None])[start - 1 :]
        total, count = total - scores.sum().item(), count + len(scores)
    return float(torch.tensor(total / count).exp())


CASES = {"revisions": revisions, "relative": relative, "wide": wide, "module": module, "damaged": damaged}
