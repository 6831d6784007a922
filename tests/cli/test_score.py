"""`uimon score`: every form of input, the shape of `--json`, and one sentence for what cannot be read."""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from watcher.cli.app import app
from watcher.cli.score.command import read_completions, run_score
from watcher.model import UimonError

GOOD = '<!doctype html><html><body><p class="p-4 bg-blue-500">Hi</p></body></html>'
BAD = "<main>\n  <div>\n</main>\n"
SAMPLE_KEYS = [
    "source",
    "outcome",
    "language",
    "syntax_valid",
    "num_colors",
    "num_classes",
    "found",
    "errors",
    "scorers",
]


def scored(capsys: pytest.CaptureFixture[str], *paths: Path | str, scorers: Sequence[str] = ()) -> dict[str, Any]:
    assert run_score([str(path) for path in paths], scorers, as_json=True) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    return printed


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_json_has_exactly_the_documented_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write(tmp_path / "good.html", GOOD), write(tmp_path / "bad.html", BAD)
    printed = scored(capsys, good, bad)
    assert list(printed) == ["metrics", "grades", "samples", "failures", "missing"]
    assert printed["failures"] == []
    assert all(value is None or isinstance(value, float) for value in printed["metrics"].values())
    assert printed["metrics"]["eval/syntax_validity_rate"] == 0.5
    assert printed["metrics"]["eval/unique_tailwind_classes_3"] is None
    assert printed["grades"]["eval/syntax_validity_rate"] == {"grade": "bad", "document": "bad"}
    assert printed["grades"]["eval/color_entropy"] == {"grade": None, "document": "bad"}
    assert [list(sample) for sample in printed["samples"]] == [SAMPLE_KEYS, SAMPLE_KEYS]
    assert printed["samples"][0] == {
        "source": str(good),
        "outcome": "valid",
        "language": "html",
        "syntax_valid": True,
        "num_colors": 1,
        "num_classes": 2,
        "found": "file",
        "errors": [],
        "scorers": {},
    }
    (error,) = printed["samples"][1]["errors"]
    assert list(error) == ["code", "file", "line", "column", "message"]
    assert (error["code"], error["line"], error["column"]) == ("unclosed", 2, 3)


def test_a_directory_is_searched_in_order_without_hidden_files_and_modules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.html", "a/c.HTM", "a/d.tsx", "e.md", "f.css", ".g.html", ".h/i.html", "node_modules/j/k.html"):
        code = "export default () => <p />" if name.endswith("tsx") else GOOD
        write(tmp_path / name, code)
    printed = scored(capsys, tmp_path)
    sources = [str(Path(sample["source"]).relative_to(tmp_path)) for sample in printed["samples"]]
    assert sources == ["a/c.HTM", "a/d.tsx", "b.html", "e.md"]
    assert [sample["outcome"] for sample in printed["samples"]] == ["valid"] * 4
    assert printed["samples"][1]["language"] == "tsx"


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ("", "windows-1252"),
        ("<meta charset=windows-1252>", "windows-1252"),
        ("<meta http-equiv='Content-Type' content='text/html; charset=ISO-8859-1'>", "windows-1252"),
        ("<meta charset='windows-1251'>", "windows-1251"),
        ("<meta charset='windows-1251'>", "utf-8-sig"),
        ("<meta charset=utf-16>", "utf-8"),
        ("<meta charset=no-such>", "utf-8"),
        ("<meta charset=no-such><meta charset='windows-1251'>", "windows-1251"),
        ("<!-- <meta charset=koi8-r> --><meta charset='windows-1251'>", "windows-1251"),
        ("<meta content='text/html; charset=koi8-r'>", "utf-8"),
        ("<meta http-equiv=content-type content='text/html; charset = windows-1251'>", "windows-1251"),
        (f"<!-- {'x' * 2000} --><meta charset='windows-1251'>", "windows-1251"),
    ],
)
def test_pages_are_decoded_as_browsers_do(tmp_path: Path, head: str, encoding: str) -> None:
    page = f"<html>{head}<p>{'ж' if encoding == 'windows-1251' else '“é”'}</p></html>"
    (tmp_path / "page.html").write_bytes(page.encode(encoding))
    (completion,) = read_completions(str(tmp_path)).completions
    assert completion.text == page


def test_a_page_that_is_not_what_it_says_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(b"<meta charset=utf-8><p>caf\xe9 \xc3\xa9</p>")
    (completion,) = read_completions(str(tmp_path)).completions
    assert completion.text.endswith("caf\ufffd é</p>")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (b"", ""),
        (b"\xef\xbb\xbf", ""),
        # As it does in the standard's tables, and in none of Python's.
        (b"<meta charset=koi8-u>\xae", "<meta charset=koi8-u>ў"),
        (b"<meta charset=gb2312>\x80", "<meta charset=gb2312>€"),
        # Nothing says what it is, and a guess by frequencies would be Polish.
        (b"<p>\xa350 \x96 ok</p>", "<p>£50 – ok</p>"),
    ],
)
def test_a_page_has_the_letters_of_the_encoding_standard(tmp_path: Path, page: bytes, text: str) -> None:
    (tmp_path / "page.html").write_bytes(page)
    (completion,) = read_completions(str(tmp_path)).completions
    assert completion.text == text


def test_a_markdown_file_is_one_completion_whose_code_is_fenced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.md", f"# Answer\n\n```html\n{BAD}```\n")
    (sample,) = scored(capsys, file)["samples"]
    assert (sample["outcome"], sample["errors"][0]["line"]) == ("invalid", 5)


def test_standard_input_is_one_completion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"Sure:\n```html\n{GOOD}\n```".encode("utf-8-sig") + b"\xff"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), "ascii"))
    (sample,) = scored(capsys, "-")["samples"]
    assert (sample["source"], sample["outcome"]) == ("-", "valid")


def test_rows_hold_completions_or_conversations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fenced = f"```html\n{GOOD}\n```"
    parts = [{"type": "text", "text": "```html\n"}, {"type": "image"}, {"type": "text", "text": f"{GOOD}\n```"}]
    rows: list[dict[str, Any]] = [
        {"completion": f"{GOOD}\u2028\x0b"},
        {"completion": "```html\n<div>", "finish_reason": "length"},
        {"completion": "```html\n<div>", "finish_reason": "stop"},
        {"messages": [{"role": "user", "content": "<b>"}, {"role": "assistant", "content": fenced}]},
        {"messages": [{"role": "assistant", "content": parts}, {"role": "user", "content": "thanks"}]},
        {"completion": "\ud800"},
    ]
    lines = [json.dumps(row, ensure_ascii=index == 5) for index, row in enumerate(rows)]
    file = write(tmp_path / "rows.jsonl", "\ufeff" + "\n\n".join(lines) + "\n")
    samples = scored(capsys, file)["samples"]
    assert [s["outcome"] for s in samples] == ["valid", "truncated", "invalid", "valid", "valid", "no_code"]
    assert [s["source"] for s in samples[:2]] == [f"{file}#1", f"{file}#3"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "is broken: line 3 is not JSON"),
        ("[" * 100_000, "is broken: line 3 is JSON that is nested too deeply"),
        ("[1]", "is not an object"),
        ('{"text": "a"}', "has no text under `completion`, which the rows before are read from"),
        ('{"label": "a"}', "has neither a text under `completion` nor an assistant turn"),
        ('{"completion": 3}', "has neither"),
        ('{"messages": [{"role": "user", "content": "a"}, 3]}', "has neither"),
        ('{"messages": "a"}', "has neither"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, row: str, said: str) -> None:
    file = write(tmp_path / "rows.jsonl", f'{{"completion": "a"}}\n\n{row}\n')
    with pytest.raises(UimonError) as raised:
        read_completions(str(file))
    assert raised.value.sentence.startswith(str(file))
    assert "line 3 " in raised.value.sentence
    assert said in raised.value.sentence
    assert "\n" not in raised.value.sentence


def test_input_that_is_not_there_or_of_no_kind_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "a.png", "x")
    for name, said in (("none.html", "does not exist"), ("empty", "holds nothing"), ("a.png", "is not a kind of file")):
        result = CliRunner().invoke(app, ["score", str(tmp_path / name)])
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"uimon: {tmp_path / name} {said}")
        assert result.stderr.count("\n") == 1


def test_a_directory_that_cannot_be_listed_is_an_error_and_not_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "good.html", GOOD)
    closed = write(tmp_path / "sub" / "a.html", GOOD).parent
    import os

    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(closed))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UimonError, match=r"sub cannot be read \(Permission denied\)"):
        read_completions(str(tmp_path))


def test_what_is_in_the_samples_never_changes_the_exit_code(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["score", str(write(tmp_path / "bad.html", BAD))])
    assert result.exit_code == 0
    assert "eval/syntax_validity_rate" in result.stdout
    assert "bad.html:2:3  invalid: `<div>` opened here is not closed before `</main>` at line 3" in result.stdout


def test_model_output_cannot_style_or_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "x[bold]\x1b[31m\u202e.html"
    write(tmp_path / name, "<i>a</i><a-[red]b[/red]:smile:>\n<x\x1b]0;owned\x07y>\n<z\u202e>\n")
    assert run_score([str(tmp_path)], as_json=False) == 0
    printed = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in printed)
    for shown in ("<a-[red]b[", "<x\\x1b]0;owned\\x07y>", "<z\\u202e>", "x[bold]\\x1b[31m\\u202e.html:1:9"):
        assert shown in printed


def test_no_more_samples_are_shown_than_a_person_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(25):
        write(tmp_path / f"{index}.html", "<b>" * 5)
    write(tmp_path / "good.html", GOOD)
    run_score([str(tmp_path)], as_json=False)
    printed = capsys.readouterr().out
    assert "25 of 26 not valid (25 invalid), the worst first" in printed
    assert "most common: unclosed in 25" in printed
    assert "and 2 more in this sample" in printed
    assert "and 5 more samples; --json lists all" in printed


def test_the_worst_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["<b><i>", "", "no code", "```html\n<p>a</b>\n```"]
    lines = [json.dumps({"completion": text}) for text in rows]
    lines.append(json.dumps({"completion": "```html\n<div>", "finish_reason": "length"}))
    file = write(tmp_path / "rows.jsonl", "\n".join(lines))
    run_score([str(file)], as_json=False)
    printed = capsys.readouterr().out
    assert "5 of 5 not valid (1 empty, 1 no_code, 2 invalid, 1 truncated), the worst first" in printed
    places = [printed.index(f"rows.jsonl#{number}:") for number in (2, 3, 1, 4, 5)]
    assert places == sorted(places)


def test_intervals_stand_beside_the_values_and_not_among_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(12):
        write(tmp_path / f"{index}.html", GOOD if index else BAD)
    run_score([str(tmp_path)], as_json=False)
    printed = capsys.readouterr().out
    (line,) = [line for line in printed.splitlines() if line.startswith("eval/syntax_validity_rate ")]
    assert line.split()[1:3] == ["0.917", "0.65–0.99"]
    assert "_low" not in printed
    assert "_n " not in printed


def test_a_narrow_terminal_gets_the_figures_without_their_meaning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "good.html", GOOD)
    for columns, explained in ((80, False), (130, True)):
        monkeypatch.setenv("COLUMNS", str(columns))
        run_score([str(tmp_path)], as_json=False)
        lines = capsys.readouterr().out.splitlines()
        assert any("share of all samples whose code parses" in line for line in lines) is explained
        assert sum(line.startswith("eval/") for line in lines) == len(lines) - 2
        assert lines[-1] == "found as: 1 file"


def test_rows_of_one_prompt_are_counted_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"role": "assistant", "content": GOOD}
    rows: list[dict[str, Any]] = [
        *({"completion": GOOD, "prompt_id": name, "prompt": "x"} for name in "aab"),
        *({"completion": GOOD, "prompt": text} for text in ("x", "x", "y")),
        *({"messages": [{"role": "user", "content": text}, answer]} for text in ("x", "z", "z")),
        {"completion": GOOD},
        {"completion": GOOD},
    ]
    file = write(tmp_path / "rows.jsonl", "\n".join(json.dumps(row) for row in rows))
    assert scored(capsys, file)["metrics"]["eval/prompts"] == 8


def test_many_files_are_scored_by_several_processes_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(40):
        write(tmp_path / f"{index}.html", GOOD if index % 3 else BAD)
    alone = scored(capsys, tmp_path, scorers=["legacy"])
    monkeypatch.setattr("watcher.cli.score.command._MANY", 10)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert scored(capsys, tmp_path, scorers=["legacy"]) == alone


def test_plug_ins_are_named_on_the_command_line_and_their_failures_do_not_hide(tmp_path: Path) -> None:
    file = write(tmp_path / "good.html", GOOD)
    own = write(
        tmp_path / "own.py",
        "class Own:\n    name, version = 'own', '1'\n"
        "    def measure(self, completion, sample):\n        return 1 / 0\n"
        "    def aggregate(self, measurements):\n        return {}\n",
    )
    result = CliRunner().invoke(app, ["score", str(file), "--scorer", "legacy", "--scorer", f"{own}:Own"])
    assert result.exit_code == 1
    assert "The scorer own failed on 1 of 1 samples (ZeroDivisionError: division by zero)." in result.stderr
    for shown in ("eval/legacy/syntax_validity_rate", "eval/own/failed", "eval/color_entropy"):
        assert shown in result.stdout
    result = CliRunner().invoke(app, ["score", str(file), "--json", "--scorer", "legacy"])
    printed = json.loads(result.stdout)
    assert result.exit_code == 0
    assert printed["metrics"]["eval/legacy/syntax_validity_rate"] == 1
    assert printed["samples"][0]["scorers"]["legacy"]["value"]["colors"] == {"blue": 1}
    result = CliRunner().invoke(app, ["score", str(file), "--scorer", "nothing"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("uimon: There is no scorer called nothing; there are: legacy;")


def test_scoring_loads_nothing_that_trains_or_serves(tmp_path: Path) -> None:
    file = write(tmp_path / "a.html", GOOD)
    code = (
        "import sys\nfrom watcher.cli.app import app\n"
        f"try:\n    app(['score', {str(file)!r}])\nexcept SystemExit as left:\n    assert left.code == 0\n"
        "heavy = {'torch', 'vllm', 'transformers', 'wandb'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert "eval/color_entropy" in done.stdout


def test_the_room_of_scorers_knows_nothing_of_the_watcher() -> None:
    code = (
        "import sys\nfrom scorers import Completion, score\nscore([Completion('<p class=p-4>')])\n"
        "assert not any(name.split('.')[0] in ('watcher', 'torch', 'vllm', 'bs4') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", ""), ("a.jsonl", "\n"), ("a.json", "[]"), ("a.json", '{"samples": []}')]
)
def test_no_rows_make_undefined_metrics_and_are_said(tmp_path: Path, name: str, text: str) -> None:
    file = write(tmp_path / name, text)
    result = CliRunner().invoke(app, ["score", str(file), "--json"])
    printed = json.loads(result.stdout)
    assert (result.exit_code, printed["samples"]) == (0, [])
    assert printed["metrics"]["eval/syntax_validity_rate"] is None
    assert result.stderr == f"uimon: {file} holds no rows: there is nothing in it to score.\n"


def test_a_theme_says_what_names_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = write(tmp_path / "a.html", "<p class='bg-primary text-muted-foreground'>x</p>")
    shares = []
    for theme in ([], ["shadcn"]):
        assert run_score([str(page)], theme=theme, as_json=True) == 0
        shares.append(json.loads(capsys.readouterr().out)["metrics"]["eval/unresolved_color_share"])
    assert shares == [1.0, 0.0]
    with pytest.raises(UimonError, match=r"The theme none\.css does not exist; check --theme"):
        run_score([str(page)], theme=["none.css"], as_json=True)


def test_what_a_theme_takes_from_elsewhere_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, theme = tmp_path / "page.tsx", tmp_path / "tailwind.config.ts"
    page.write_text('export default () => <p className="bg-brand" />')
    theme.write_text("export default { theme: { extend: { colors: { brand: '#f00', ...shared } } } }")
    assert run_score([str(page)], theme=[str(theme)], as_json=True) == 0
    assert "(theme.extend.colors: ...shared)" in capsys.readouterr().err
    theme.write_text("export default { theme: { colors: shared } }")
    with pytest.raises(UimonError, match=r"not read \(theme\.colors: shared\); name another file with --theme"):
        run_score([str(page)], theme=[str(theme)], as_json=True)
