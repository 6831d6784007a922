from __future__ import annotations

import json
from pathlib import Path

import pytest

from watcher.model import Reason, UimonError
from watcher.val import find_val, load_val


def write(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "val.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


CHAT = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ]
}


def test_all_shapes_give_turns_and_reference(tmp_path: Path) -> None:
    parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "image", "url": "x"}]}]}
    chat_prompt = {"prompt": [{"role": "user", "content": "u"}], "completion": [{"role": "assistant", "content": "a"}]}
    path = write(
        tmp_path, CHAT, {"prompt": "u", "completion": "a"}, {"question": "u", "answer": "a"}, chat_prompt, parts
    )
    shapes = [(c.messages, c.reference) for c in load_val(path).conversations]
    assert shapes == [
        ((("system", "s"), ("user", "u")), "a"),
        ((("user", "u"),), "a"),
        ((("user", "u"),), "a"),
        ((("user", "u"),), "a"),
        ((("user", "u"),), None),
    ]


def test_equal_prompts_have_ids_of_their_own_and_ids_survive_reordering(tmp_path: Path) -> None:
    one, other = {"question": "one"}, {"question": "other"}
    first = [c.id for c in load_val(write(tmp_path, one, other, one)).conversations]
    second = [c.id for c in load_val(write(tmp_path, other, one)).conversations]
    assert len(set(first)) == 3
    assert second == [first[1], first[0]]


def test_system_is_put_before_prompts_that_have_none(tmp_path: Path) -> None:
    conversations = load_val(write(tmp_path, CHAT, {"question": "u"}), system="mine").conversations
    assert [c.messages[0] for c in conversations] == [("system", "s"), ("system", "mine")]


def test_lines_without_a_user_turn_are_counted(tmp_path: Path) -> None:
    val = load_val(write(tmp_path, CHAT, {"messages": [{"role": "assistant", "content": "a"}]}, {"question": "  "}))
    assert (len(val.conversations), val.unusable) == (1, 2)


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        ("", Reason.VAL_INVALID, "is empty"),
        ('{"question": "u"}\nnot json\n', Reason.VAL_INVALID, "line 2 is not JSON"),
        ("[1]\n", Reason.VAL_INVALID, "line 1 is not a JSON object"),
        ('{"text": "u"}\n', Reason.VAL_INVALID, "line 1 has only text"),
        ('{"question": 3}\n', Reason.VAL_INVALID, "line 1 has turns"),
        ('{"messages": []}\n', Reason.NO_USABLE_PROMPT, "No line"),
    ],
)
def test_bad_files_are_one_sentence_that_names_the_line(
    tmp_path: Path, content: str, reason: Reason, words: str
) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text(content)
    with pytest.raises(UimonError, match=words) as caught:
        load_val(path)
    assert caught.value.reason is reason
    assert str(path) in caught.value.sentence


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UimonError, match="does not exist"):
        load_val(tmp_path / "nothing.jsonl")


def test_the_val_file_next_to_the_checkpoints_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints = tmp_path / "run" / "ckpts"
    with pytest.raises(UimonError, match="--val"):
        find_val(checkpoints)
    beside = tmp_path / "run" / "val.jsonl"
    beside.parent.mkdir()
    beside.touch()
    assert find_val(checkpoints) == beside
