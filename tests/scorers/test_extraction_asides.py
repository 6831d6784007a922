"""Extraction: edits of files that are elsewhere, talk beside wrappers, shells that write files, escaped answers."""

import json

import pytest

from scorers import Completion, Language, Outcome, score_sample
from scorers.extraction import AnswerShape, extract

PAGE = '<section class="p-4">\n  <p class="flex">Hi</p>\n  <b>x</b>\n</section>'
APP = 'export default function App() {\n  return <p className="p-4">Hi</p>;\n}'
UTIL = 'export const id = <T>(x: T): T => x;\nexport const one = <number>JSON.parse("1");'


@pytest.mark.parametrize(
    "text",
    [
        "<apply_diff>\n<path>src/App.tsx</path>\n<diff>\n<<<<<<< SEARCH\n:start_line:12\n-------\n<p>a</p>\n=======\n"
        "<p>b</p>\n>>>>>>> REPLACE\n</diff>\n</apply_diff>",
        "<replace_in_file>\n<path>a.html</path>\n<diff>\n------- SEARCH\n<p>a</p>\n=======\n<p>b</p>\n+++++++ REPLACE\n"
        "</diff>\n</replace_in_file>",
        '<invoke name="edit">\n<parameter name="command">str_replace</parameter>\n<parameter name="path">/a/App.tsx'
        '</parameter>\n<parameter name="old_str"><p>a</p></parameter>\n<parameter name="new_str"><p>b</p></parameter>\n'
        "</invoke>",
        '{"name": "edit", "arguments": {"file_path": "a.html", "old_string": "<p>a", "new_string": "<p>b"}}',
        "<lov-code>\n<lov-line-replace>\n<lov-file-path>src/App.tsx</lov-file-path>\n<lov-search><p>a</p></lov-search>\n"
        "<lov-replace><p>b</p></lov-replace>\n</lov-line-replace>\n</lov-code>",
    ],
)
def test_an_edit_of_a_file_that_is_elsewhere_is_no_page(text: str) -> None:
    sample = score_sample(Completion(text))
    assert (sample.outcome, sample.extraction) == (Outcome.NO_CODE, AnswerShape.EDIT_UNAPPLIED.value)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"name": "Edit", "input": {"file_path": "a.html", "old_string": "", "new_string": PAGE}}),
        f"<apply_diff>\n<path>a.html</path>\n<diff>\n<<<<<<< SEARCH\n:start_line:1\n-------\n=======\n{PAGE}\n"
        ">>>>>>> REPLACE\n</diff>\n</apply_diff>",
        f"<response>\n<explanation>I use <nav></explanation>\n<code>\n{PAGE}\n</code>\n</response>",
        f"<change>\n<file>a.html</file>\n<description>A <nav></description>\n<content><![CDATA[{PAGE}]]></content>\n"
        "</change>",
        f'<lov-code>\n<lov-add-dependency>motion@latest</lov-add-dependency>\n<lov-write file_path="a.html">\n{PAGE}\n'
        '</lov-write>\n<lov-delete file_path="b.tsx" />\n</lov-code>',
        f'<｜DSML｜invoke name="write">\n<｜DSML｜parameter name="path">a.html</｜DSML｜parameter>\n'
        f'<｜DSML｜parameter name="content">{PAGE}</｜DSML｜parameter>\n</｜DSML｜invoke>',
        f"```bash\nmkdir -p src\ncat > a.html << 'EOF'\n{PAGE}\nEOF\nls\n```",
        f"I write it:\n\ntee a.html <<EOF\n{PAGE}\nEOF\n",
        json.dumps({"name": "bash", "arguments": {"command": f"cat <<'EOF' > a.html\n{PAGE}\nEOF"}}),
        json.dumps(PAGE),
        json.dumps(PAGE)[1:-1],
        json.dumps(f"Sure:\n\n```html\n{PAGE}\n```\n"),
        f"{PAGE}\n```\n\nThis uses <nav>.",
    ],
)
def test_what_stands_beside_the_code_is_none(text: str) -> None:
    found = extract(Completion(text))
    assert [file.code.strip() for file in found.files] == [PAGE]
    assert score_sample(Completion(text)).classes == (("flex", 1), ("p-4", 1))


@pytest.mark.parametrize(
    "text", [json.dumps(PAGE)[:-30], f"```bash\ncat > a.html <<EOF\n{PAGE[:40]}", json.dumps(f"{PAGE}\n")[:-3]]
)
def test_it_is_cut_where_the_text_ends_in_it(text: str) -> None:
    assert score_sample(Completion(text, truncated=True)).outcome is Outcome.TRUNCATED


def test_elements_with_words_belong_to_the_page_that_they_stand_in() -> None:
    page = '<section class="p-4">\n<note>hi</note>\n<foo>x</foo>\n<p class="m-2">a</p>\n</section>'
    assert [file.code for file in extract(Completion(page)).files] == [page]


@pytest.mark.parametrize("line", [":::", "<<<END>>>", "(Note: it needs Tailwind.)"])
def test_such_a_line_ends_a_module(line: str) -> None:
    assert [file.code.strip() for file in extract(Completion(f"{APP}\n{line}\n")).files] == [APP]


def test_generics_and_casts_of_typescript_are_no_jsx() -> None:
    card = APP.replace("App", "Card")
    text = f"```tsx\n{APP}\n```\n\n```ts:src/util.ts\n{UTIL}\n```\n\n```typescript\n// src/Card.tsx\n{card}\n```"
    assert {file.language for file in extract(Completion(text)).files} == {Language.TSX, Language.TS}
    assert score_sample(Completion(text)).outcome is Outcome.VALID


@pytest.mark.parametrize("word", ["tool_code", "bash"])
def test_calls_and_commands_alone_are_other_code(word: str) -> None:
    text = f'```{word}\nwrite(path="a.html", content="""{PAGE}""")\n```'
    assert score_sample(Completion(text)).extraction == AnswerShape.OTHER_CODE.value


@pytest.mark.parametrize("end", ["</table>\n</body>\n</html>\n```\n\nThis uses <nav>.", ""])
def test_a_fence_in_a_document_is_text_where_its_own_is_missing_too(end: str) -> None:
    page = f"<!DOCTYPE html>\n<html>\n<body>\n<pre><code>\n```js\na\n```\n</code></pre>\n<table class='p-4'>{end}"
    found = extract(Completion(f"```html\n{page}"))
    assert [file.code.strip() for file in found.files] == [page.partition("\n```\n\n")[0]]
    assert found.cut is not bool(end)


DOCUMENT = "<!doctype html>\n<html><head><title>T</title></head><body><p class='p-4'>a</p></body></html>"
SCRIPT = (
    'const a = document.querySelector("p");\na.innerHTML = `\n  <b class="bg-red-500">it</b>`;\n' + "a.go(1);\n" * 20
)


@pytest.mark.parametrize(("script", "errors"), [(SCRIPT, 0), (f"{SCRIPT}}}", 1)])
def test_a_script_with_html_in_its_strings_belongs_to_the_document_beside_it(script: str, errors: int) -> None:
    text = f"```html\n{DOCUMENT}\n```\n\n```javascript\n{script}\n```\n"
    sample = score_sample(Completion(text))
    assert (sample.language, sample.files, sample.script_errors) == (Language.HTML, 2, errors)
    assert sample.classes == (("bg-red-500", 1), ("p-4", 1))


@pytest.mark.parametrize(
    "code",
    [
        "class Card extends LitElement {\n  render() {\n    return html`<p class='p-4'>a</p>`;\n  }\n}",
        "const App = () => {\n  return a < 3 ? <p className='p-4' /> : <i />;\n};",
        "export const icons = { a: <A />, b: <B className='p-4' /> };",
    ],
)
def test_a_script_alone_that_writes_markup_is_the_page(code: str) -> None:
    sample = score_sample(Completion(f"```js\n{code}\n```"))
    assert (sample.outcome, sample.classes) == (Outcome.VALID, (("p-4", 1),))
