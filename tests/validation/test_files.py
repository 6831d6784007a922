from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watcher.model import Reason, UimonError
from watcher.validation.files import read_table

ROWS: list[dict[str, Any]] = [{"question": f"card {at}\u2028ü", "answer": "<p>\u0085</p>"} for at in range(3)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
ARRAY = json.dumps(ROWS, indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.rstrip().encode(),
        LINES.encode("utf-8-sig"),
        LINES.encode("utf-16"),
        b"\xfe\xff" + LINES.encode("utf-16-be"),
        LINES.encode("utf-16-le"),
        LINES.encode("utf-32"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\r").encode(),
        f"\n \n{LINES}\n".encode(),
        "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
        ARRAY.encode(),
        ARRAY.encode("utf-16"),
        json.dumps({"data": ROWS}).encode(),
        json.dumps({"version": "1", "train": ROWS}, indent=1).encode(),
        gzip.compress(LINES.encode(), mtime=0),
        gzip.compress(ARRAY.encode("utf-16"), mtime=0),
        bz2.compress(LINES.encode()),
        lzma.compress(ARRAY.encode()),
    ],
)
def test_a_file_is_what_its_content_says(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "val.anything"
    path.write_bytes(content)
    assert [dict(row.value) for row in read_table(path).rows] == ROWS


def test_places_are_lines_or_entries(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text('{"a": 1}\n\n{"a":\n 2}\n{"a": 3}\n')
    table = read_table(path)
    assert (table.unit, [row.place for row in table.rows]) == ("line", [1, 3, 5])
    path.write_text('[{"a": 1},\n{"a": 2}]')
    table = read_table(path)
    assert (table.unit, [row.place for row in table.rows]) == ("entry", [1, 2])


def test_a_single_row_with_messages_is_no_list_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "a"}]}, indent=2))
    assert [set(row.value) for row in read_table(path).rows] == [{"messages"}]


TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (json.dumps(TALK), 1),
        (json.dumps([TALK, TALK]), 2),
        (f"{json.dumps(TALK)}\n{json.dumps(TALK)}\n", 2),
        (json.dumps({"data": [TALK]}), 1),
    ],
)
def test_a_list_of_messages_may_stand_where_a_row_should(tmp_path: Path, content: str, count: int) -> None:
    path = tmp_path / "val.json"
    path.write_text(content)
    assert [row.value for row in read_table(path).rows] == [{"messages": TALK}] * count


def test_rows_of_the_dataset_viewer_are_those_inside(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    rows = [{"row_idx": at, "row": row, "truncated_cells": []} for at, row in enumerate(ROWS)]
    path.write_text(json.dumps({"features": [{"name": "question"}], "rows": rows, "num_rows_total": 3}))
    assert [row.value for row in read_table(path).rows] == ROWS


def test_an_empty_cell_is_none(tmp_path: Path) -> None:
    path = tmp_path / "val.csv"
    path.write_text("prompt,completion\na,\n")
    assert [row.value for row in read_table(path).rows] == [{"prompt": "a", "completion": None}]


@pytest.mark.parametrize(
    "table",
    [
        {"prompt": {"0": "a", "1": "b"}, "completion": {"0": "c", "1": "d"}},
        {"prompt": ["a", "b"], "completion": ["c", "d"]},
        {"messages": [[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]]},
        {"columns": ["prompt"], "index": [0], "data": [["a"]]},
    ],
)
def test_a_table_column_by_column_is_told_as_one(tmp_path: Path, table: dict[str, object]) -> None:
    path = tmp_path / "val.json"
    path.write_text(json.dumps(table))
    with pytest.raises(UimonError, match=r"holds columns in place of rows; .*orient='records', lines=True"):
        read_table(path)


def test_pandas_nan_is_an_empty_cell(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    path.write_text(json.dumps([{"instruction": "a", "input": float("nan"), "output": "b"}]))
    assert [row.value for row in read_table(path).rows] == [{"instruction": "a", "input": None, "output": "b"}]


def test_line_ends_within_a_cell_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "val.csv"
    path.write_bytes(b'prompt,completion\r\na,"<p>\r\n</p>"\r\nb,"<p>\n</p>"\r\n')
    assert [row.value["completion"] for row in read_table(path).rows] == ["<p>\r\n</p>", "<p>\n</p>"]


@pytest.mark.parametrize(
    ("name", "separator"),
    [("val.csv", ","), ("val.tsv", "\t"), ("val.csv.gz", ","), ("val.csv", ";"), ("val.jsonl", ",")],
)
def test_tables_with_separators_are_read(tmp_path: Path, name: str, separator: str) -> None:
    page = "<p>" + "x" * 200_000 + '""\n</p>'
    text = separator.join(("prompt", "completion")) + "\r\n" + separator.join(("a", f'"{page}"')) + "\r\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    (row,) = read_table(path).rows
    assert row.value == {"prompt": "a", "completion": page.replace('""', '"')}


def test_parquet_is_read_by_its_content(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "id": 1}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "val.jsonl")
    assert [dict(row.value) for row in read_table(tmp_path / "val.jsonl").rows] == rows


def test_parquet_without_pyarrow_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "val.parquet").write_bytes(b"PAR1 whatever")
    with pytest.raises(UimonError, match=r"pip install 'uimon\[parquet\]'"):
        read_table(tmp_path / "val.parquet")


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


BROKEN: list[tuple[Callable[[], bytes], str]] = [
    (lambda: b"", "is empty"),
    (lambda: b" \n ", "is empty"),
    (lambda: b'{"a": 1}\nnot json\n', "line 2 is not JSON"),
    (lambda: b'{"a": 1}\n{"a": 2\n{"a": 3}\n', "line 2 is not JSON"),
    (lambda: b'{"a": 1}\n{"a": "2\n{"a": 3}\n', "line 2 is not JSON"),
    (lambda: b'{"a": 1}\n[1]\n', "line 2 is not a JSON object"),
    (lambda: b"[1]\n", "entry 1 is not a JSON object"),
    (lambda: b"[1]\n[2]\n", "line 1 is not a JSON object"),
    (
        lambda: b'{"train": [{"a": 1}], "val": [{"a": 1}], "test": [{"a": 1}]}',
        r"several lists of rows \(train, val, test",
    ),
    (
        lambda: b'{"rows": [{"row_idx": 0, "row": {"a": "b"}, "truncated_cells": ["a"]}]}',
        "a page of the dataset viewer, which has cut off a of entry 1",
    ),
    (lambda: b'[{"a": 1},\n{"a": 2]', "one JSON array that is broken at line 2"),
    (lambda: _nested(200_000), "nested too deeply"),
    (lambda: b'{"a": ' + _nested(200_000) + b"}", "nested too deeply"),
    (lambda: b'{"a": "\xff\xe4"}\n', "neither UTF-8 nor UTF-16 text"),
    (lambda: gzip.compress(LINES.encode(), mtime=0)[:-9], "is compressed, and damaged"),
    (lambda: b"\x28\xb5\x2f\xfd0000", "zstd"),
    (lambda: b"PK\x03\x040000", "zip archive"),
    (lambda: b"PAR1 cut off", "parquet that cannot be read"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: Callable[[], bytes], words: str) -> None:
    path = tmp_path / "val.jsonl"
    path.write_bytes(content())
    with pytest.raises(UimonError, match=words) as caught:
        read_table(path)
    assert caught.value.reason is Reason.VAL_INVALID
    assert str(path) in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "nothing.jsonl", "does not exist"), (tmp_path, "is a directory")):
        with pytest.raises(UimonError, match=words) as caught:
            read_table(path)
        assert caught.value.reason is Reason.VAL_MISSING
