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


USER, ANSWER = {"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}
NAMED: list[tuple[dict[str, str], dict[str, Any], tuple[str, str | None], str]] = [
    (
        {"prompt": "ask", "completion": "html"},
        {"ask": "u", "html": "a", "messages": [USER, ANSWER]},
        ("u", "a"),
        "columns left out: messages.",
    ),
    (
        {"prompt": "ask", "completion": "html"},
        {"ask": "u", "html": "a", "chosen": "x", "rejected": "y"},
        ("u", "a"),
        "columns left out: chosen, rejected.",
    ),
    (
        {"query": "ask", "response": "html"},
        {"ask": "u", "html": "a", "prompt": "x", "completion": "y"},
        ("u", "a"),
        "columns left out: prompt, completion.",
    ),
    (
        {"text": "formatted"},
        {"formatted": "u a", "instruction": "x", "output": "y"},
        ("u a", None),
        "columns left out: instruction, output.",
    ),
    ({"messages": "talk"}, {"talk": [USER, ANSWER], "chosen": "x"}, ("x", "y"), "columns left out: chosen."),
    ({"prompt": "ask"}, {"ask": "u", "completion": "a", "text": "x"}, ("u", "a"), "columns left out: text."),
    (
        {"instruction": "ask", "output": "html"},
        {"ask": "u", "html": "a", "input": "v"},
        ("u\nv", "a"),
        "read as Alpaca",
    ),
    ({"answer": "html"}, {"question": "u", "html": "a", "response": "x"}, ("u", "a"), "columns left out: response."),
]


@pytest.mark.parametrize(("keys", "row", "expected", "said"), NAMED)
def test_the_shape_is_made_of_the_named_columns(
    tmp_path: Path, keys: dict[str, str], row: dict[str, Any], expected: tuple[str, str | None], said: str
) -> None:
    val = load_val(write(tmp_path, row), None, choose(None, keys))
    ((asked, answer),) = [(each.asked, each.answer) for each in val.conversations]
    assert (asked, answer) == expected
    assert said in val.summary


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("system", CHAT),
        ("tools", CHAT),
        ("history", {"query": "u", "response": "a"}),
        ("input", {"instruction": "u", "output": "a"}),
    ],
)
def test_a_named_column_that_may_be_missing_may_be_empty(tmp_path: Path, name: str, row: dict[str, Any]) -> None:
    val = load_val(write(tmp_path, {**row, "own": None}), None, choose(None, {name: "own"}))
    assert (len(val.conversations), val.unusable) == (1, 0)
    assert "left out" not in val.summary


def test_own_keys_of_messages_in_json_text(tmp_path: Path) -> None:
    told = json.dumps([{"who": "user", "what": "u"}, {"who": "assistant", "what": "a"}])
    keys = choose(None, {"role": "who", "content": "what"})
    rows = [{"messages": told}, {"prompt": told[: told.index("}") + 1] + "]", "completion": "a"}]
    found = load_val(write(tmp_path, *rows), None, keys).conversations
    assert [(each.asked, each.answer) for each in found] == [("u", "a"), ("u", "a")]


def test_a_file_without_rows_and_a_column_without_a_name_are_said(tmp_path: Path) -> None:
    with pytest.raises(UimonError, match=r"it has no rows; each line is one JSON object"):
        load_val(write(tmp_path, "[]"))
    (tmp_path / "val.csv").write_text(",prompt,completion\n0,u,a\n")
    assert "columns left out: one without a name." in load_val(tmp_path / "val.csv").summary


def test_a_single_row_with_lists_of_its_own_is_that_row(tmp_path: Path) -> None:
    row = {"prompt": "u", "completion": "a", "examples": [{"instruction": "x", "output": "y"}]}
    own = {"ask": "u", "html": "a", "items": [{"instruction": "x", "output": "y"}]}
    for value, keys in ((row, {}), (own, {"prompt": "ask", "completion": "html"})):
        ((asked, answer),) = [
            (each.asked, each.answer)
            for each in load_val(write(tmp_path, value), None, choose(None, keys)).conversations
        ]
        assert (asked, answer) == ("u", "a")


def test_the_split_that_was_taken_is_said(tmp_path: Path) -> None:
    val = load_val(write(tmp_path, {"train": [{"question": "x"}], "validation": [{"question": "u"}]}))
    assert [each.asked for each in val.conversations] == ["u"]
    assert "of the lists train and validation the rows of validation" in val.summary


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
