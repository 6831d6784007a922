"""What counts as another tokenizer, and what only looks like one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watcher.engine.model_files.tokenizer_files import TokenizerStamp, has_tokenizer, read_stamp
from watcher.model import Reason, UimonError

BPE = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [{"id": 3, "content": "<|im_end|>", "special": True}],
    "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
}


def write(path: Path, tokenizer: object) -> TokenizerStamp:
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    return read_stamp(path)


def with_model(**changes: Any) -> dict[str, Any]:
    return BPE | {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}} | changes}


@pytest.mark.parametrize(
    "other",
    [
        BPE | {"truncation": {"max_length": 512}, "padding": {"strategy": "BatchLongest"}},
        BPE | {"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": []}},
        with_model(merges=[["a", "b"]], byte_fallback=False, continuing_subword_prefix=""),
        with_model(vocab={"ab": 2, "b": 1, "a": 0, "<|im_end|>": 3}),
        BPE | {"added_tokens": [{"id": 3, "content": "<|im_end|>", "special": False, "lstrip": True}]},
    ],
)
def test_settings_and_the_way_of_writing_do_not_make_another_tokenizer(tmp_path: Path, other: object) -> None:
    assert write(tmp_path, other) == write(tmp_path, BPE)


@pytest.mark.parametrize(
    "other",
    [
        with_model(vocab={"a": 1, "b": 0, "ab": 2}),
        with_model(vocab={"a": 0, "b": 1, "ba": 2}),
        BPE | {"added_tokens": []},
        BPE | {"added_tokens": [{"id": 3, "content": "<|end|>"}]},
        BPE | {"added_tokens": [*BPE["added_tokens"], {"id": 4, "content": "<|im_start|>"}]},  # type: ignore[misc]
        {},
        [],
        BPE | {"model": {"type": "BPE", "vocab": 5}},
        BPE | {"added_tokens": [7]},
    ],
)
def test_another_token_for_an_id_makes_another_tokenizer(tmp_path: Path, other: object) -> None:
    assert write(tmp_path, other).vocabulary not in ("", write(tmp_path, BPE).vocabulary)


BYTES = {"type": "ByteLevel"}
PIECES = {"type": "Sequence", "decoders": [{"type": "Replace"}, {"type": "Fuse"}]}


@pytest.mark.parametrize(
    ("vocabulary", "fitting", "foreign"),
    [
        ({"a": 0, "Ġa": 1, "Ġ": 2}, ({"type": "Sequence", "decoders": [BYTES]}, BYTES), (PIECES, None)),
        ({"a": 0, "▁a": 1, "Ġ": 2, "▁": 3}, ({"type": "Metaspace"}, PIECES), (BYTES, None)),
        ({"a": 0, "##b": 1}, (None, {"type": "WordPiece"}), ()),
    ],
)
def test_a_decoder_counts_only_where_it_cannot_read_the_vocabulary(
    tmp_path: Path, vocabulary: dict[str, int], fitting: tuple[object, ...], foreign: tuple[object, ...]
) -> None:
    files = [with_model(vocab=vocabulary) | {"decoder": decoder} for decoder in (*fitting, *foreign)]
    stamps = [write(tmp_path, file).vocabulary for file in files]
    assert set(stamps[: len(fitting)]) == {stamps[0]}
    assert stamps[0] not in stamps[len(fitting) :]


def test_tokens_that_only_the_configuration_has_belong_to_the_vocabulary(tmp_path: Path) -> None:
    plain = write(tmp_path, BPE)
    for added, same in (({"3": "<|im_end|>", "0": "a"}, True), ({"4": "<ui>"}, False)):
        decoder = {number: {"content": token} for number, token in added.items()}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": decoder}))
        assert (read_stamp(tmp_path) == plain) is same


def test_a_unigram_vocabulary_is_its_order_without_the_scores(tmp_path: Path) -> None:
    def unigram(*entries: tuple[str, float]) -> TokenizerStamp:
        return write(tmp_path, {"model": {"type": "Unigram", "vocab": entries}})

    assert unigram(("a", -1.0), ("b", -2.0)) == unigram(("a", -1.5), ("b", -2.5))
    assert unigram(("a", -1.0), ("b", -2.0)) != unigram(("b", -1.0), ("a", -2.0))


@pytest.mark.engine
@pytest.mark.timeout(120)
def test_a_tokenizer_that_the_library_loads_and_saves_is_the_same_one(tiny: Path, tmp_path: Path) -> None:
    """Written as older versions wrote it, and read as a model family's own class, it changes in most sections."""
    older = json.loads((tiny / "untied-a" / "tokenizer.json").read_text())
    older["model"]["merges"] = [" ".join(pair) for pair in older["model"]["merges"]]
    before = write(tmp_path, older)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "Qwen2Tokenizer", "pad_token": "<|im_end|>"}')
    code = (
        "import sys; from transformers import AutoTokenizer as A; t = A.from_pretrained(sys.argv[1])\n"
        "t(['a', 'a b'], padding=True, truncation=True, max_length=9); t.save_pretrained(sys.argv[1] + '/new')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    newer = json.loads((tmp_path / "new" / "tokenizer.json").read_text())
    assert newer["pre_tokenizer"] != older["pre_tokenizer"]
    assert newer["model"]["merges"] != older["model"]["merges"]
    assert read_stamp(tmp_path / "new") == before


def test_without_tokenizer_json_every_byte_counts(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"one")
    one = read_stamp(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"two")
    assert read_stamp(tmp_path).vocabulary not in ("", one.vocabulary)
    (tmp_path / "tokenizer.model").unlink()
    (tmp_path / "vocab.json").write_text("{}")
    (tmp_path / "merges.txt").write_text("a b")
    merged = read_stamp(tmp_path)
    (tmp_path / "merges.txt").write_text("b a")
    assert read_stamp(tmp_path) != merged


def test_a_broken_tokenizer_json_is_another_tokenizer(tmp_path: Path) -> None:
    known = write(tmp_path, BPE)
    for broken in ('{"model": {"vocab": {"a"', "[" * 100_000, "\udcff"):
        (tmp_path / "tokenizer.json").write_text(broken, "utf-8", "surrogateescape")
        assert read_stamp(tmp_path).vocabulary not in ("", known.vocabulary)


def test_a_template_is_the_same_in_whichever_file_it_lies(tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]
    stamps = []
    for file, body in (
        ("chat_template.jinja", "yes"),
        ("chat_template.json", json.dumps({"chat_template": "yes"})),
        ("tokenizer_config.json", json.dumps({"chat_template": "yes"})),
        ("tokenizer_config.json", json.dumps({"chat_template": named})),
    ):
        (tmp_path / file).write_text(body)
        stamps.append(read_stamp(tmp_path).template)
        (tmp_path / file).unlink()
    assert len(set(stamps)) == 1
    (tmp_path / "chat_template.jinja").write_text("other")
    assert read_stamp(tmp_path).template not in ("", stamps[0])


def test_templates_in_files_of_their_own_win_as_transformers_has_it(tmp_path: Path) -> None:
    def stamp(name: str, text: str) -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return read_stamp(tmp_path).template

    processors = stamp("chat_template.json", json.dumps({"chat_template": "processor's"}))
    configured = stamp("tokenizer_config.json", json.dumps({"chat_template": "own"}))
    # Where there are files of templates, none of them the default, the configuration's does not count.
    assert stamp("additional_chat_templates/tool_use.jinja", "tools") == processors
    single = stamp("chat_template.jinja", "file")
    named = stamp("additional_chat_templates/default.jinja", "default")
    assert len({processors, configured, single, named}) == 4


def test_where_nothing_is_the_stamp_is_empty(tmp_path: Path) -> None:
    assert read_stamp(tmp_path) == read_stamp(tmp_path / "nowhere") == TokenizerStamp("", "")
    assert not has_tokenizer(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").mkdir()
    with pytest.raises(UimonError, match=r"tokenizer\.json: this tokenizer file cannot be read") as caught:
        read_stamp(tmp_path)
    assert caught.value.reason is Reason.UNREADABLE
