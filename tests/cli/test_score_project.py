"""`uimon score --project`: a directory is one answer, whatever files a framework spreads it over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watcher.cli.score.command import read_completions, run_score
from watcher.model import UimonError

NEXT = {
    "package.json": "{}",
    "README.md": "# An app",
    "app/layout.tsx": (
        'import "./globals.css";\nexport default function Layout({ children }) {\n'
        '  return <html><body className="bg-background">{children}</body></html>;\n}\n'
    ),
    "app/page.tsx": (
        'import { Card } from "@/components/card";\n'
        'export default function Page() { return <main className="p-4"><Card /></main>; }\n'
    ),
    "app/globals.css": ":root { --brand: #ff0000 }\n.fancy { color: var(--brand) }\n",
    "components/card.tsx": 'export const Card = () => <p className="fancy text-blue-500 bg-brand">Hi</p>;\n',
    "tailwind.config.js": 'module.exports = { theme: { extend: { colors: { brand: "#00ff00" } } } };\n',
    "lib/data.ts": 'export const names: string[] = ["a", "b"];\n',
    "public/logo.png": "PNG",
    "node_modules/x/index.tsx": "<broken",
    ".next/server/page.html": "<broken",
    "dist/index.html": "<main><div></main>",
}


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def scored(capsys: pytest.CaptureFixture[str], *roots: Path) -> dict[str, Any]:
    assert run_score([str(root) for root in roots], project=True, as_json=True) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def files_of(root: Path) -> list[str]:
    (completion,) = read_completions(str(root), project=True).completions
    return [file.name for file in completion.files]


def test_all_files_of_an_app_are_one_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make(tmp_path / "app", NEXT)
    printed = scored(capsys, root)
    (sample,) = printed["samples"]
    assert (sample["source"], sample["outcome"], sample["language"]) == (str(root), "valid", "tsx")
    assert sample["num_classes"] >= 2
    assert sample["num_colors"] >= 2
    assert printed["metrics"]["eval/samples"] == 1
    assert files_of(root) == [
        "app/page.tsx",
        "app/layout.tsx",
        "components/card.tsx",
        "tailwind.config.js",
        "app/globals.css",
        "lib/data.ts",
    ]


def test_each_directory_is_a_sample_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = [make(tmp_path / name, NEXT) for name in ("one", "two")]
    assert [sample["source"] for sample in scored(capsys, *roots)["samples"]] == [str(root) for root in roots]


def test_an_error_names_its_file_and_the_place_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = "export const Card = () => (\n  <p>Hi</div>\n);\n"
    root = make(tmp_path / "app", NEXT | {"components/card.tsx": broken})
    (sample,) = scored(capsys, root)["samples"]
    assert sample["outcome"] == "invalid"
    assert {(error["file"], error["line"]) for error in sample["errors"]} == {("components/card.tsx", 2)}
    run_score([str(root)], project=True, as_json=False)
    assert f"{root}:components/card.tsx:2:" in capsys.readouterr().out


def test_what_is_not_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make(tmp_path / "app", NEXT)
    scored(capsys, root)
    run_score([str(root)], project=True, as_json=True)
    assert f"{root}: 3 files are not read (1 .json, 1 .md, 1 .png)." in capsys.readouterr().err
    run_score([str(root)], as_json=True)
    said = capsys.readouterr().err
    assert f"{root}: 5 files are not read (" in said
    assert "--project scores it as one app" in said


def test_a_script_beside_an_html_page_is_a_script_and_in_an_app_of_components_it_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = {"index.html": "<!doctype html><title>x</title><p class='p-4'>Hi</p>", "script.js": "let x = 1;\n"}
    (sample,) = scored(capsys, make(tmp_path / "site", site))["samples"]
    assert (sample["outcome"], sample["language"]) == ("valid", "html")
    component = "export default function App() { return <p className='text-rose-600 p-4'>Hi</p>; }\n"
    react = {"public/index.html": "<!doctype html><div id=root></div>", "src/App.js": component, "src/i.jsx": "<i />"}
    (sample,) = scored(capsys, make(tmp_path / "react", react))["samples"]
    assert (sample["outcome"], sample["language"], sample["num_colors"]) == ("valid", "jsx", 1)


@pytest.mark.parametrize("files", [{"a.css": "a{}", "b.ts": "1"}, {"only.md": "x"}, {}])
def test_a_directory_without_a_page_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(UimonError, match="holds no page"):
        read_completions(str(make(tmp_path, files)), project=True)


def test_a_project_of_nothing_is_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sample,) = scored(capsys, make(tmp_path / "app", {"index.html": " \n", "style.css": ""}))["samples"]
    assert sample["outcome"] == "empty"


def test_files_among_the_arguments_are_read_as_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make(tmp_path / "app", NEXT)
    page = make(tmp_path / "pages", {"a.html": "<p>Hi</p>"}) / "a.html"
    sources = [sample["source"] for sample in scored(capsys, root, page)["samples"]]
    assert sources == [str(root), str(page)]


def test_ends_of_lines_and_marks_of_windows_change_no_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "app"
    root.mkdir()
    (root / "page.tsx").write_bytes(b"\xef\xbb\xbfexport default () => (\r\n  <p>Hi</div>\r\n);\r\n")
    (sample,) = scored(capsys, root)["samples"]
    assert {(error["file"], error["line"], error["column"]) for error in sample["errors"]} == {("page.tsx", 2, 3)}


@pytest.mark.parametrize("suffix", [".css", ".pcss", ".scss", ".less"])
def test_style_sheets_of_preprocessors_are_read(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "@brand" if suffix == ".less" else "$brand"
    files = {
        "App.vue": "<template><p class='a'>x</p></template>",
        f"main{suffix}": f"{name}: red; .a {{ color: {name} }}",
    }
    (sample,) = scored(capsys, make(tmp_path / "app", files))["samples"]
    assert sample["num_colors"] == 1
