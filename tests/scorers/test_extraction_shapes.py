"""Extraction by grammar: the forms of each part of an answer, and what only looks like one of them."""

import json
import random

import pytest

from scorers import Completion, Language, Outcome, score_sample
from scorers.extraction import AnswerShape, extract
from tests.agreement.answer_catalog import shapes
from tests.agreement.answer_shapes import File, Shape
from tests.agreement.check_extraction import cut_in_code

PAGE = '<!DOCTYPE html>\n<html>\n<body>\n<p class="p-4">It\'s "here"</p>\n<pre>a</pre>\n</body>\n</html>'
FRAGMENT = '<section class="p-4">\n  <p>Hi</p>\n</section>\n<ul>\n  <li>a\n</ul>'
CARD = "export function Card() {\n  return <p className='p-4'>it's</p>;\n}"
APP = 'import { Card } from "./Card";\n\nexport default function App() {\n  return (\n    <Card />\n  );\n}'
FILES = {
    "document": [File("index.html", "html", PAGE)],
    "fragment": [File("index.html", "html", FRAGMENT)],
    "component": [File("src/App.tsx", "tsx", APP)],
    "several": [
        File("src/Card.tsx", "tsx", CARD),
        File("src/App.tsx", "tsx", APP),
        File("src/index.css", "css", ".card > a {\n  color: red;\n}\n\nb {\n  margin: 0;\n}"),
    ],
}


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.name)
def test_every_file_is_found_in_every_shape_and_a_cut_is_seen(shape: Shape) -> None:
    for kind in shape.kinds:
        files = FILES[kind]
        pieces = shape.build(files, random.Random(kind))
        found = extract(Completion("".join(text for text, _ in pieces)))
        assert sorted(f.code.split() for f in found.files) == sorted(f.code.split() for f in files), kind
        cut = cut_in_code(pieces, random.Random(kind))
        assert score_sample(Completion(cut, truncated=True)).outcome is Outcome.TRUNCATED, (kind, cut)


@pytest.mark.parametrize(
    "code",
    [
        "<my-card>\n  <p>a</p>\n</my-card>",
        "<user-answer kind='a'>\n<div>a</div>\n</user-answer>",
        "<Card>\n  <p>a</p>\n</Card>",
        "<Layout title='index.html'>\n  <div className='p-4'>a</div>\n</Layout>",
        "<CodeBlock file='App.tsx' />",
        "<Artifact>\n  <p>a</p>\n</Artifact>",
        "<code>a < b</code>",
        "<output><b>3</b></output>",
        "<transition name='a'><p>b</p></transition>",
        "<linearGradient id='a'><stop offset='0'/></linearGradient>",
        "<div>\n<answer>\n<p>a</p>\n</answer>\n</div>",
    ],
)
def test_elements_of_a_page_are_no_wrappers(code: str) -> None:
    for text in (code, f"Here:\n\n{code}\n\nBye.", f"```html\n{code}\n```"):
        assert extract(Completion(text)).code.strip() == code


def test_a_component_may_hold_what_looks_like_wrappers_fences_and_thoughts() -> None:
    code = (
        "const text = `\n\\`\\`\\`bash\nnpm i\n\\`\\`\\`\n<answer>\n<thinking>\nno\n</thinking>\n`;\n"
        "export default () => <Plan>\n  <Thinking />\n</Plan>;"
    )
    for text in (code, f"```tsx\n{code}\n```\n\nBye.", f"```tsx:a.tsx\n{code}\n```\n\n```css\na {{}}\n```"):
        assert extract(Completion(text)).code.strip() == code


@pytest.mark.parametrize(
    "line",
    [
        "type A =\n  | { a: 1 }\n  | 'b'",
        "const B: React.FC<\n  Props\n> = ({ a }) => {\n  return <b>{a}</b>\n}",
        "const C = forwardRef<\n  HTMLElement,\n  Props\n>((props, ref) => <i ref={ref}>it's</i>)",
        "label: for (const a of b) continue label",
        "const r = /[\"'`<]/g",
        "const f = <T,>(a: T) => a < 3",
        "/**\n * ```tsx\n * <p>\n * ```\n */",
    ],
)
def test_a_module_ends_where_its_brackets_do_and_not_at_odd_lines(line: str) -> None:
    code = f"{CARD}\n\n{line}\n\n{APP}"
    for text in (f"{code}\nEnjoy, it's done!", f"Here:\n\n{code}\n\n- a list", f"```tsx\n{code}\n```\nBye"):
        assert extract(Completion(text)).code.strip() == code


def test_a_page_may_hold_fences_and_tokens() -> None:
    code = PAGE.replace("<pre>a</pre>", "<textarea>\n```js\n1\n```\n</textarea><pre>\n<|im_end|>\n```\n</pre>")
    for text in (code, f"Here:\n{code}\nBye.", f"```html\n{code}\n```\nBye."):
        assert extract(Completion(text)).code.strip() == code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<reasoning>\n```html\n<p>", AnswerShape.THINK_UNCLOSED),
        ("[THINK] hm <p>a</p>", AnswerShape.THINK_UNCLOSED),
        ("<|channel|>analysis<|message|>```html\n<p>a</p>\n```", AnswerShape.THINK_UNCLOSED),
        ("```diff\n--- a/App.tsx\n+++ b/App.tsx\n@@ -3,2 +3,2 @@\n a\n-<p>\n+<b>\n```", AnswerShape.EDIT_UNAPPLIED),
        ("a.html\n<<<<<<< SEARCH\n<p>a</p>\n=======\n<p>b</p>\n>>>>>>> REPLACE\n", AnswerShape.EDIT_UNAPPLIED),
        ("*** Begin Patch\n*** Update File: a.tsx\n@@\n-<p>\n+<b>\n*** End Patch", AnswerShape.EDIT_UNAPPLIED),
        ('{"html": "<p class="p-4">a</p>"}', AnswerShape.JSON_BROKEN),
        ("```bash\nnpm install\n```", AnswerShape.OTHER_CODE),
        ("```python\nprint('<p>')\n```", AnswerShape.OTHER_CODE),
        ("\x00\x01\x02\x03PNG\x00", AnswerShape.BINARY),
        ("\u200b\ufeff\n", AnswerShape.EMPTY),
        ("No.", AnswerShape.NONE),
    ],
)
def test_what_cannot_be_read_has_a_reason_of_its_own(text: str, found: AnswerShape) -> None:
    assert (extract(Completion(text)).found, extract(Completion(text)).files) == (found, ())
    sample = score_sample(Completion(text))
    assert (sample.outcome, sample.extraction) == (Outcome.NO_CODE, found.value)
    assert len(sample.errors[0].message) > 20


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"```html\n{PAGE}\n```", AnswerShape.FENCE),
        (f"```html\n{PAGE}", AnswerShape.FENCE_OPEN),
        (f"<answer>\n{PAGE}\n</answer>", AnswerShape.WRAPPER),
        (json.dumps({"html": PAGE}), AnswerShape.JSON),
        (f"```json\n{json.dumps({'html': PAGE})}\n```", AnswerShape.JSON),
        (json.dumps({"name": "write", "arguments": {"path": "a.html", "content": PAGE}}), AnswerShape.TOOL_CALL),
        (f"<<<<<<< SEARCH\n=======\n{PAGE}\n>>>>>>> REPLACE", AnswerShape.EDIT),
        (PAGE.replace("<", "&lt;").replace(">", "&gt;"), AnswerShape.ESCAPED),
        (PAGE, AnswerShape.DOCUMENT),
        (APP, AnswerShape.MODULE),
        (FRAGMENT, AnswerShape.FRAGMENT),
    ],
)
def test_the_shape_of_an_answer_is_told(text: str, found: AnswerShape) -> None:
    assert score_sample(Completion(text)).extraction == found.value


def test_decoded_code_knows_where_it_stood() -> None:
    text = 'Here:\n{"html": "<p>a</p>\\n\\u00e9<b>x</i>"}'
    (issue, *_) = score_sample(Completion(text)).errors
    line = text.split("\n")[issue.line - 1]
    assert line[issue.column - 1 :].startswith(("<b>", "</i>"))


def test_later_edits_change_an_earlier_file() -> None:
    edits = "<<<<<<< SEARCH\n=======\n<p>a</p>\n>>>>>>> REPLACE\n<<<<<<< SEARCH\na</p>\n=======\nb</p>\n>>>>>>> REPLACE"
    assert extract(Completion(edits)).code == "<p>b</p>\n"


def test_of_two_versions_of_a_file_the_last_counts_and_a_snippet_of_it_does_not() -> None:
    first = f"```tsx:src/App.tsx\n{APP}\n```\n\n"
    second = first.replace("<Card />", "<Card big />")
    assert "big" in extract(Completion(first + second)).code
    assert len(extract(Completion(first + second)).files) == 1
    snippet = "Change only this:\n\n```tsx:src/App.tsx\n<Card big />\n```"
    assert extract(Completion(first + snippet)).code.strip() == APP


def test_commands_data_and_hints_are_no_files() -> None:
    hint = '```tsx\n<Card title="a" />\n```\n'
    data = '```bash\nls\n```\n```json\n{"a": "<p>"}\n```\n'
    text = f"{data}{hint}```tsx\n{APP}\n```\n```ts:vite.config.ts\nexport default {{}}\n```"
    assert [file.code.strip() for file in extract(Completion(text)).files] == [APP]


def test_the_files_of_a_project_have_names_and_languages() -> None:
    text = (
        f"**src/App.tsx**\n\n```\n{APP}\n```\n\n### `src/Card.tsx`\n```tsx\n{CARD}\n```\n\n"
        "```ts\n// src/data.ts\nexport const a = 1;\n```\n\n```js:tailwind.config.js\nmodule.exports = {}\n```"
    )
    found = [(file.name, file.language) for file in extract(Completion(text)).files]
    assert found == [
        ("src/App.tsx", Language.TSX),
        ("src/Card.tsx", Language.TSX),
        ("src/data.ts", Language.TS),
        ("tailwind.config.js", Language.JS),
    ]


@pytest.mark.parametrize(
    ("text", "truncated", "outcome"),
    [
        (f"{PAGE}\n\nThe page ma", True, Outcome.VALID),
        (f"<answer>\n{PAGE}\n</answer>\nThe page ma", True, Outcome.VALID),
        (f"{APP}\nThis is a sec", True, Outcome.VALID),
        (f"{FRAGMENT}\nThis is a sec", True, Outcome.VALID),
        (f"{FRAGMENT}\n<p>This is a sec", True, Outcome.TRUNCATED),
        (f"```html\n{PAGE}\n```<|im_end|>", True, Outcome.VALID),
        (f"```html\n{PAGE[:-20]}<|im_end|>", True, Outcome.INVALID),
        (f"<answer>\n{PAGE[:-20]}\n</answer>", True, Outcome.INVALID),
        (f"```tsx\n{CARD}\n```\n\n```tsx\nexport default function App() {{\n  return <p", True, Outcome.TRUNCATED),
        (
            f'<boltArtifact id="a">\n<boltAction type="file" filePath="src/Card.tsx">\n{CARD}\n</boltAction>\n<boltAct',
            True,
            Outcome.TRUNCATED,
        ),
        ('import a from "a";\n\nexport default function A() {\n  const b = use(', True, Outcome.TRUNCATED),
        ("function add(a, b) { return a + b }", False, Outcome.NO_CODE),
    ],
)
def test_only_code_that_the_limit_cut_is_truncated(text: str, truncated: bool, outcome: Outcome) -> None:
    assert score_sample(Completion(text, truncated=truncated)).outcome is outcome
