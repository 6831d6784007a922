from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watcher.engine.types import Conversation
from watcher.model import Reason, UimonError
from watcher.validation import choose, find_val, load_val

CHAT = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ]
}
SHARED = {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}


def write(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "val.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_equal_prompts_have_ids_of_their_own_and_ids_survive_reordering(tmp_path: Path) -> None:
    one, other = {"question": "one"}, {"question": "other"}
    first = [c.id for c in load_val(write(tmp_path, one, other, one)).conversations]
    second = [c.id for c in load_val(write(tmp_path, other, one)).conversations]
    assert len(set(first)) == 3
    assert second == [first[1], first[0]]


def test_what_the_template_is_given_beside_the_messages_makes_another_prompt(tmp_path: Path) -> None:
    rows = [CHAT, {**CHAT, "tools": [{"name": "f"}]}, {"prompt": "u"}, {"question": "u"}]
    assert len({c.id for c in load_val(write(tmp_path, *rows)).conversations}) == 4


def test_system_is_put_before_prompts_that_have_none(tmp_path: Path) -> None:
    found = load_val(write(tmp_path, CHAT, {"question": "u"}), system="mine").conversations
    assert [c.messages[0]["content"] for c in found if isinstance(c, Conversation)] == ["s", "mine"]


def test_one_sentence_says_what_was_read(tmp_path: Path) -> None:
    rows = [{**SHARED, "score": 1, "id": at} for at in range(4)]
    path = write(tmp_path, *rows)
    assert load_val(path).summary == (
        f"{path}: 4 prompts, read as ShareGPT; columns left out: score, id; role human as user, role gpt as assistant, "
        "--val-format sharegpt-as-is leaves them."
    )


def test_several_shapes_and_reasons_are_counted(tmp_path: Path) -> None:
    image = {**SHARED, "images": ["x.png"]}
    said = load_val(write(tmp_path, CHAT, image, SHARED, CHAT, {"a": 1}, image)).summary
    assert "3 prompts, read in several shapes: 2 as chat messages, 1 as ShareGPT" in said
    assert "3 lines unusable: 2 with images (first line 2), 1 in no known shape (columns: a) (first line 5)" in said


def test_what_trainers_make_different_prompts_of_names_the_other_way(tmp_path: Path) -> None:
    assert "--val-format pair-chat" in load_val(write(tmp_path, {"prompt": "u", "completion": "a"})).summary
    assert "--val-format alpaca-text" in load_val(write(tmp_path, {"instruction": "u", "output": "a"})).summary


def test_a_file_without_a_usable_line_gives_the_reasons(tmp_path: Path) -> None:
    path = write(tmp_path, {"messages": []}, {"a": 1})
    with pytest.raises(UimonError, match=r"No line of .* 2 lines unusable: .*columns: a\).*--val-keys") as caught:
        load_val(path)
    assert caught.value.reason is Reason.NO_USABLE_PROMPT
    with pytest.raises(UimonError, match=r"1 with images \(first line 1\); uimon evaluates text models"):
        load_val(write(tmp_path, {**CHAT, "images": ["x"]}))


def test_prompts_without_a_reference_and_rarer_reasons_are_counted(tmp_path: Path) -> None:
    rows: list[Any] = [CHAT, {"messages": CHAT["messages"][:2]}, *({f"a{at}": 1} for at in range(7))]
    said = load_val(write(tmp_path, *rows)).summary
    assert "1 prompt without a reference answer" in said
    assert "7 lines unusable: 1 in no known shape (columns: a0) (first line 3)" in said
    assert "2 for other reasons" in said


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(UimonError, match="line 2 is not JSON") as caught:
        load_val(write(tmp_path, CHAT, "not json"))
    assert caught.value.reason is Reason.VAL_INVALID


def test_columns_and_roles_of_ones_own(tmp_path: Path) -> None:
    dialog = [{"speaker": "client", "said": "u"}, {"speaker": "page", "said": "a"}]
    keys = {"messages": "dialog", "role": "speaker", "content": "said", "role.user": "client", "role.assistant": "page"}
    (asked,) = load_val(write(tmp_path, {"dialog": dialog, "messages": 3}), None, choose(None, keys)).conversations
    assert isinstance(asked, Conversation)
    assert asked.messages == ({"role": "user", "content": "u"},)
    assert asked.answer == "a"


def test_named_columns_win_over_others_of_the_usual_name(tmp_path: Path) -> None:
    row = {"ask": "u", "html": "a", "prompt": "other", "id": 1}
    val = load_val(
        write(tmp_path, row, {"ask": "v"}), None, choose("pair-chat", {"prompt": "ask", "completion": "html"})
    )
    assert [(c.asked, c.answer) for c in val.conversations] == [("u", "a")]
    assert "columns left out: prompt, id;" in val.summary
    assert "1 without html (first line 2)" in val.summary


def test_a_named_column_that_is_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        UimonError, match="has the column 'asked', which --val-keys names as prompt; there are ask"
    ) as e:
        load_val(write(tmp_path, {"ask": "u"}), None, choose(None, {"prompt": "asked"}))
    assert e.value.reason is Reason.VAL_INVALID


@pytest.mark.parametrize(
    ("shape", "keys", "words"),
    [
        ("alpacca", {}, "--val-format cannot be 'alpacca'.*alpaca-text"),
        ("chat:x", {}, "--val-format cannot be"),
        (None, {"prompts": "ask"}, "--val-keys cannot name prompts; it names .*completion"),
        (None, {"role.owner": "ask"}, "cannot name role.owner"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(shape: str | None, keys: dict[str, str], words: str) -> None:
    with pytest.raises(UimonError, match=words) as caught:
        choose(shape, keys)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_a_format_is_forced_upon_every_row(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": "t", "prompt": "u", "completion": "a"}, CHAT]
    val = load_val(write(tmp_path, *rows), None, choose("text"))
    assert [c.asked for c in val.conversations] == ["t"]
    assert "1 whose text is missing (first line 2)" in val.summary


def test_the_val_file_next_to_the_checkpoints_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints = tmp_path / "run" / "ckpts"
    with pytest.raises(UimonError, match="--val"):
        find_val(checkpoints)
    beside = tmp_path / "run" / "val.jsonl"
    beside.parent.mkdir()
    beside.touch()
    assert find_val(checkpoints) == beside


def test_another_usual_name_is_found_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints = tmp_path / "run" / "ckpts"
    checkpoints.mkdir(parents=True)
    (tmp_path / "run" / "eval.jsonl.gz").touch()
    assert find_val(checkpoints).name == "eval.jsonl.gz"
    (tmp_path / "run" / "val.parquet").touch()
    with pytest.raises(UimonError, match=r"\(val.parquet, eval.jsonl.gz\); name one with --val"):
        find_val(checkpoints)
    (tmp_path / "val.jsonl").touch()
    assert find_val(checkpoints) == tmp_path / "val.jsonl"
