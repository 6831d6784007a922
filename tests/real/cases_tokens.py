"""Tokenizers as people have them: the files of one kind under the class name of another, and files without a class.

`families` has a directory for each tokenizer, and `opened.json` with what uimon makes of it; the other cases are
trainings with a model.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.real import making

LINES = [
    *("<div class='bg-blue-500 p-4'>hello world</div>", "one two  three", "x = 1234567890;", "a\nb\n\n\tc"),
    "Write a pricing page with three cards.",
] * 20
TEXTS = (
    "card 0",
    "<div class='bg-blue-500 p-4'>\n  <b>hello</b>\n</div>",
    "for i in range(10):\n\tx  = 1234567890",
    "<ui>a</ui>",
)
CHAT = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PIECES = {"eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>"}
BERT = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
CLASSES = (
    *("LlamaTokenizerFast", "LlamaTokenizer", "GPT2Tokenizer", "Qwen2TokenizerFast", "CohereTokenizerFast"),
    *(
        "GemmaTokenizerFast",
        "GPTNeoXTokenizerFast",
        "PreTrainedTokenizerFast",
        "TokenizersBackend",
        "BertTokenizerFast",
    ),
    *("PreTrainedTokenizer", "NoSuchTokenizer", "MistralCommonBackend"),
)
"""Names under which a byte-level tokenizer.json may stand."""


def bytewise(split: str | None = None) -> Any:
    """A byte-level BPE as GPT-2 has it, or split by the regular expression `split` first, as most others have it."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    parts = [pre_tokenizers.Split(Regex(split), "isolated"), bytes_only] if split else [bytes_only]
    bpe.pre_tokenizer = pre_tokenizers.Sequence(parts)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        LINES,
        trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    return bpe


def piecewise(*, first_only: bool) -> Any:
    """A BPE over pieces with bytes to fall back on, as Llama 2 has it; its blanks as of old or by a pre-tokenizer."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    bpe = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    blanks = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.normalizer = blanks
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    special = ["<unk>", "<s>", "</s>", *fallback]
    bpe.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False))
    written = json.loads(bpe.to_str())
    written["added_tokens"] = [token for token in written["added_tokens"] if token["content"] not in fallback]
    bpe = Tokenizer.from_str(json.dumps(written))
    if first_only:
        bpe.normalizer = None
        bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    bpe.decoder = decoders.Sequence(parts)
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return bpe


def unigram() -> Any:
    """A Unigram model as T5 has it: compatibility forms, blanks in a row as one."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    model = Tokenizer(models.Unigram())
    model.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    model.pre_tokenizer = pre_tokenizers.Metaspace()
    model.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=special, unk_token="<unk>", show_progress=False)
    model.train_from_iterator(LINES, trainer)
    return model


def wordpiece() -> Any:
    """WordPiece as BERT has it: lower case, and no blanks at all."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    model = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    model.normalizer = normalizers.BertNormalizer(lowercase=True)
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    model.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    model.train_from_iterator(
        LINES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    return model


def write(path: Path, model: Any, **configuration: Any) -> None:
    """A tokenizer.json and its configuration."""
    path.mkdir(parents=True)
    model.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps(configuration))


def write_vocabulary(path: Path, model: Any, **configuration: Any) -> None:
    """The vocabulary's own files instead: vocab.json and merges.txt, or vocab.txt."""
    path.mkdir(parents=True)
    model.model.save(str(path))
    (path / "tokenizer_config.json").write_text(json.dumps(configuration))


def write_pieces(path: Path, kind: str, **configuration: Any) -> None:
    """A tokenizer.model of sentencepiece with the settings of Llama 2, or those of T5 for a Unigram model."""
    import sentencepiece

    path.mkdir(parents=True)
    plain = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False, "byte_fallback": True}
    plain |= {"split_digits": True, "allow_whitespace_only_pieces": True, "vocab_size": 400}
    rules = plain if kind == "bpe" else {"vocab_size": 200, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 5),
        model_prefix=str(path / "tokenizer"),
        model_type=kind,
        hard_vocab_limit=False,
        minloglevel=2,
        **rules,
    )
    (path / "tokenizer.vocab").unlink()
    (path / "tokenizer_config.json").write_text(json.dumps(configuration))


def put_blanks_first(file: Path) -> None:
    """Add pieces for blanks in a row as Llama 2 has them: the first of all, and those that merge last."""
    from sentencepiece import sentencepiece_model_pb2

    model: Any = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    model.ParseFromString(file.read_bytes())
    at = next(number for number, piece in enumerate(model.pieces) if piece.type == piece.NORMAL)
    others = [piece for piece in model.pieces[at:] if piece.piece.strip("▁") or piece.piece == "▁"]
    del model.pieces[at:]
    for count in (2, 4, 8, 16, 3, 5, 6, 7, 9):
        model.pieces.add(piece="▁" * count, score=-1e9)
    model.pieces.extend(others)
    file.write_bytes(model.SerializeToString())


def write_tekken(path: Path, tokens: list[str] | None) -> None:
    """A tekken.json alone, as mistral-common and its class in transformers save a tokenizer: bytes, some pairs of them,
    and these special tokens; None leaves them to the library, as old files do.
    """
    path.mkdir(parents=True)
    pieces = [bytes([byte]) for byte in range(256)] + [b"on", b"tw", b"two", b"  ", b"</"]
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
        for rank, piece in enumerate(pieces)
    ]
    count = 40 if tokens is None else len(tokens)
    pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    configuration = {"pattern": pattern, "num_vocab_tokens": len(pieces), "default_vocab_size": len(pieces) + count}
    configuration |= {"default_num_special_tokens": count, "version": "v3" if tokens is None else "v11"}
    written: dict[str, Any] = {"config": configuration, "vocab": vocabulary}
    if tokens is not None:
        special = enumerate(tokens)
        written["special_tokens"] = [{"rank": at, "token_str": token, "is_control": True} for at, token in special]
    (path / "tekken.json").write_text(json.dumps(written))
    (path / "config.json").write_text('{"model_type": "mistral"}')


def families(path: Path) -> None:
    """All of them, and what uimon makes of each."""
    for name in CLASSES:
        write(path / f"bytewise as {name}", bytewise(), **CHAT, tokenizer_class=name, legacy=True)
    threes = r"\p{N}{1,3}|[^\p{N}\s]+|\s+"
    write(path / "digits in threes as LlamaTokenizer", bytewise(threes), **CHAT, tokenizer_class="LlamaTokenizer")
    write(path / "digits in threes as Qwen2Tokenizer", bytewise(threes), **CHAT, tokenizer_class="Qwen2Tokenizer")
    write(path / "without a class", bytewise(), **CHAT)
    remote = {"AutoTokenizer": ["code.Slow", "code.Fast"]}
    write(path / "with code", bytewise(), **CHAT, tokenizer_class="OwnTokenizer", auto_map=remote)
    write(path / "pieces of old", piecewise(first_only=False), **PIECES, tokenizer_class="LlamaTokenizer", legacy=True)
    write(path / "pieces", piecewise(first_only=True), **PIECES, tokenizer_class="LlamaTokenizerFast", legacy=False)
    write(path / "pieces without names", piecewise(first_only=True), tokenizer_class="LlamaTokenizerFast")
    write(path / "pieces with an end", piecewise(first_only=True), tokenizer_class="LlamaTokenizer", eos_token="</s>")
    without = {"bos_token": None, "eos_token": "</s>"}
    write(path / "pieces without a beginning", piecewise(first_only=True), tokenizer_class="LlamaTokenizer", **without)
    write(path / "unigram", unigram(), eos_token="</s>", unk_token="<unk>", tokenizer_class="T5TokenizerFast")
    write(path / "wordpiece", wordpiece(), **BERT, tokenizer_class="BertTokenizerFast")
    write(path / "wordpiece as LlamaTokenizerFast", wordpiece(), **BERT, tokenizer_class="LlamaTokenizerFast")
    cut = bytewise()
    cut.enable_truncation(4)
    cut.enable_padding(length=64, pad_id=0, pad_token="<|endoftext|>")
    write(path / "cut and padded", cut, **CHAT, tokenizer_class="GPT2TokenizerFast")
    drawn = bytewise()
    drawn.model.dropout = 0.5
    write(path / "by lot", drawn, **CHAT, tokenizer_class="GPT2TokenizerFast")
    options = {"add_prefix_space": True, "fix_mistral_regex": True, "clean_up_tokenization_spaces": True}
    write(path / "with options", bytewise(), **CHAT, **options, fast_tokenizer_files=["tokenizer.4.0.0.json"])
    write(path / "half a file", bytewise(), **CHAT)
    (path / "half a file" / "tokenizer.json").write_text('{"version": "1.0", "model": {')
    spaced = bytewise()
    spaced.decoder = piecewise(first_only=True).decoder
    spaced.pre_tokenizer = piecewise(first_only=True).pre_tokenizer
    write(path / "saved by a wrong class", spaced, **CHAT, tokenizer_class="TokenizersBackend")
    size = bytewise().get_vocab_size()
    write(path / "added by the configuration", bytewise(), **CHAT, added_tokens_decoder=added("<ui>", size))
    write(path / "numbered otherwise", bytewise(), **CHAT, added_tokens_decoder=added("<ui>", size + 7))
    numbered = path / "numbered otherwise beside"
    write(numbered, bytewise(), **CHAT)
    (numbered / "added_tokens.json").write_text(json.dumps({"<ui>": size + 7}))
    pieces = path / "tokenizer.model numbered otherwise"
    write_pieces(pieces, "bpe", **PIECES, tokenizer_class="LlamaTokenizer", legacy=False)
    (pieces / "added_tokens.json").write_text(json.dumps({"<ui>": 5000}))
    write_vocabulary(path / "vocab.json as GPT2Tokenizer", bytewise(), **CHAT, tokenizer_class="GPT2Tokenizer")
    write_vocabulary(path / "vocab.json as LlamaTokenizer", bytewise(), **CHAT, tokenizer_class="LlamaTokenizer")
    write_vocabulary(path / "vocab.json alone", bytewise(), **CHAT, tokenizer_class="GPT2Tokenizer")
    (path / "vocab.json alone" / "merges.txt").unlink()
    write_vocabulary(path / "vocab.txt", wordpiece(), **BERT, tokenizer_class="BertTokenizer")
    for name in ("LlamaTokenizer", "NoSuchTokenizer"):
        write_pieces(path / f"tokenizer.model as {name}", "bpe", **PIECES, tokenizer_class=name, legacy=False)
    for legacy in (True, False):
        place = path / f"tokenizer.model of {'old' if legacy else 'today'}"
        write_pieces(place, "bpe", **PIECES, tokenizer_class="LlamaTokenizer", legacy=legacy)
        put_blanks_first(place / "tokenizer.model")
    write_pieces(path / "unigram as LlamaTokenizer", "unigram", eos_token="</s>", tokenizer_class="LlamaTokenizer")
    write_tekken(path / "tekken.json of old", None)
    kinds = ("INST", "AVAILABLE_TOOLS", "TOOL_RESULTS", "SYSTEM_PROMPT")
    around = [f"[{slash}{kind}]" for kind in kinds for slash in ("", "/")]
    special = ["<pad>", "<unk>", "<s>", *around[:2], "</s>", *around[2:], "[TOOL_CALLS]", "[TOOL_CONTENT]"]
    special += ["[ARGS]", "[CALL_ID]", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]"]
    write_tekken(path / "tekken.json of today", special)
    write_tekken(path / "tekken.json as TokenizersBackend", special)
    (path / "tekken.json as TokenizersBackend" / "config.json").unlink()
    seen = {place.name: look(place) for place in sorted(path.iterdir()) if place.is_dir()}
    (path / "opened.json").write_text(json.dumps(seen))


def added(token: str, number: int) -> dict[str, Any]:
    """The `added_tokens_decoder` of a configuration with this token beside the special ones."""
    flags = {"normalized": False, "lstrip": False, "rstrip": False, "single_word": False}
    special = {str(at): {"content": name, "special": True, **flags} for at, name in enumerate(SPECIAL)}
    return {**special, str(number): {"content": token, "special": False, **flags}}


def look(path: Path) -> dict[str, Any]:
    """What uimon makes of a tokenizer and of difficult texts, beside what the file's own library makes of them."""
    from watcher.engine.host.probing import HARD_TEXTS, PLAIN_TEXTS, text_of
    from watcher.engine.host.tokenizers import load_tokenizer, open_tokenizer
    from watcher.model import UimonError

    try:
        note = open_tokenizer(path, TEXTS).note
    except UimonError as error:
        return {"reason": str(error.reason), "sentence": error.sentence}
    tokenizer: Any = load_tokenizer(path)
    library = _library(path)
    rows = []
    for text in (*TEXTS, *PLAIN_TEXTS, *HARD_TEXTS, f"a{tokenizer.eos_token} b"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        rows.append([text, ids, library(text), text_of(tokenizer, ids, special=True)])
    marked = tokenizer(TEXTS[0])["input_ids"]
    end = {"eos": tokenizer.eos_token, "eos_id": tokenizer.eos_token_id, "bos": tokenizer.bos_token}
    return {"note": note, "rows": rows, "marked": marked, **end, "size": len(tokenizer)}


def _library(path: Path) -> Callable[[str], list[int]]:
    file = path / "tokenizer.json"
    if file.is_file():
        from tokenizers import Tokenizer

        own = Tokenizer.from_file(str(file))
        own.no_truncation()
        own.no_padding()
        return lambda text: list(own.encode(text, add_special_tokens=False).ids)
    if (path / "tokenizer.model").is_file():
        from sentencepiece import SentencePieceProcessor

        pieces = SentencePieceProcessor(model_file=str(path / "tokenizer.model"))
        return lambda text: list(pieces.encode(text))
    if (path / "tekken.json").is_file():
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        tekken = Tekkenizer.from_file(path / "tekken.json")
        return lambda text: list(tekken.encode(text, bos=False, eos=False))
    return lambda _: []


def renamed(name: str, **options: Any) -> making.Case:
    """A Llama whose byte-level tokenizer.json stands under the class `name`, and the perplexity of its own ids."""

    def make(path: Path) -> None:
        tokens = making.tokenizer()
        checkpoint = path / "ck" / "checkpoint-10"
        built = making.llama(tokens, initializer_range=0.2).float()
        making.save(built, checkpoint, tokens, 10)
        file = checkpoint / "tokenizer_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": name, **options}))
        rows = making.chats()
        making.write_lines(path / "val.jsonl", rows)
        (path / "expected.json").write_text(json.dumps(perplexity(built, checkpoint, rows[:4])))

    return make


def perplexity(model: Any, checkpoint: Path, rows: list[dict[str, Any]]) -> float:
    """Of ChatML rows' answers, by the ids of tokenizer.json itself."""
    import math

    import torch
    from tokenizers import Tokenizer

    own = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    total, count = 0.0, 0
    for row in rows:
        asked, answer = (turn["content"] for turn in row["messages"])
        prompt = own.encode(f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n").ids
        ids = prompt + own.encode(f"{answer}<|im_end|>").ids
        with torch.no_grad():
            scores = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1)
        total -= sum(scores[at - 1, ids[at]].item() for at in range(len(prompt), len(ids)))
        count += len(ids) - len(prompt)
    return math.exp(total / count)


def no_json(path: Path) -> None:
    """A checkpoint with vocab.json and merges.txt under a class for other vocabularies."""
    tokens = making.tokenizer()
    checkpoint = path / "ck" / "checkpoint-10"
    making.save(making.llama(tokens), checkpoint, tokens, 10)
    tokens.backend_tokenizer.model.save(str(checkpoint))
    (checkpoint / "tokenizer.json").unlink()
    file = checkpoint / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": "LlamaTokenizer"}))
    making.write_lines(path / "val.jsonl", making.chats())


CASES: dict[str, making.Case] = {
    "families": families,
    "bytewise-as-llama": renamed("LlamaTokenizerFast", legacy=True),
    "with-code": renamed("OwnTokenizer", auto_map={"AutoTokenizer": ["code.Slow", "code.Fast"]}),
    "no-json": no_json,
}
