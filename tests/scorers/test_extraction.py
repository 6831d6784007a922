"""Finding the code in a completion: the shapes in which models answer."""

import pytest

from scorers import Completion, Language
from scorers.extraction import AnswerShape, Extraction, extract

DOCUMENT = "<!DOCTYPE html>\n<html>\n<body>\n<p>Hi</p>\n</body>\n</html>"
FRAGMENT = '<section class="p-4">\n  <p>Hi</p>\n</section>'
COMPONENT = "export default function A() {\n  return <p className='p-4'>Hi</p>\n}"
MODULE = (
    'import {\n  useState,\n} from "react";\n\ninterface Props {\n  a: string\n}\n\n'
    "const A = ({ a }: Props) => {\n  return <p>{a}</p>;\n};\n\nexport default A;"
)
BEGUN = "export default function A() {\n  return (\n    <p classNa"

SHAPES: dict[str, tuple[str, str, AnswerShape, Language]] = {
    "fenced with prose": (f"Sure:\n\n```html\n{DOCUMENT}\n```\n\nEnjoy!", DOCUMENT, AnswerShape.FENCE, Language.HTML),
    "bare document": (DOCUMENT, DOCUMENT, AnswerShape.DOCUMENT, Language.HTML),
    "document with prose": (
        f"Here it is:\n{DOCUMENT}\nEnjoy <b>it</b>!",
        DOCUMENT,
        AnswerShape.DOCUMENT,
        Language.HTML,
    ),
    "draft in a thought": (
        f"<think>\n```html\n<p>draft\n```\n</think>\n```html\n{DOCUMENT}\n```",
        DOCUMENT,
        AnswerShape.FENCE,
        Language.HTML,
    ),
    "orphan end of thought": (f"maybe <div>\n</think>\n{DOCUMENT}", DOCUMENT, AnswerShape.DOCUMENT, Language.HTML),
    "code before a last thought": (f"{DOCUMENT}\n<think>was it good?", DOCUMENT, AnswerShape.DOCUMENT, Language.HTML),
    "unclosed fence": (f"```html\n{FRAGMENT}\n<p>mo", f"{FRAGMENT}\n<p>mo", AnswerShape.FENCE_OPEN, Language.HTML),
    "unclosed fence, closed page": (
        f"```html\n{DOCUMENT}\nThis is <b>a",
        DOCUMENT,
        AnswerShape.FENCE_OPEN,
        Language.HTML,
    ),
    "truncated document": (DOCUMENT[:40], DOCUMENT[:40], AnswerShape.DOCUMENT, Language.HTML),
    "component that ends in its first tag": (BEGUN, BEGUN, AnswerShape.MODULE, Language.TSX),
    "that in a fence": (f"```tsx\n{BEGUN}", BEGUN, AnswerShape.FENCE_OPEN, Language.TSX),
    "shell and style fences too": (
        f"```bash\nnpm i\n```\n```css\na > b {{}}\n```\n```html\n{FRAGMENT}\n```\n```js\nlet a = 1\n```",
        FRAGMENT,
        AnswerShape.FENCE,
        Language.HTML,
    ),
    "file name in the info string": (
        f"```html:index.html\n{DOCUMENT}\n```",
        DOCUMENT,
        AnswerShape.FENCE,
        Language.HTML,
    ),
    "four backticks": (f"````html\n{DOCUMENT}\n```\n````", f"{DOCUMENT}\n```", AnswerShape.FENCE, Language.HTML),
    "tildes": (f"~~~HTML\n{DOCUMENT}\n~~~", DOCUMENT, AnswerShape.FENCE, Language.HTML),
    "untagged fence": (f"```\n{FRAGMENT}\n```", FRAGMENT, AnswerShape.FENCE, Language.HTML),
    "indented fence": (f"1. this:\n   ```html\n{FRAGMENT}\n   ```", FRAGMENT, AnswerShape.FENCE, Language.HTML),
    "answer keyword": (f"answer\n{DOCUMENT}", DOCUMENT, AnswerShape.DOCUMENT, Language.HTML),
    "tsx fence": (f"Here:\n```tsx\n{COMPONENT}\n```\nDone.", COMPONENT, AnswerShape.FENCE, Language.TSX),
    "jsx fence": (f"```jsx\n{COMPONENT}\n```", COMPONENT, AnswerShape.FENCE, Language.JSX),
    "component in a js fence": (f"```javascript\n{COMPONENT}\n```", COMPONENT, AnswerShape.FENCE, Language.JSX),
    "component in an html fence": (f"```html\n{COMPONENT}\n```", COMPONENT, AnswerShape.FENCE, Language.TSX),
    "component in an untagged fence": (f"```\n{COMPONENT}\n```", COMPONENT, AnswerShape.FENCE, Language.TSX),
    "bare component": (COMPONENT, COMPONENT, AnswerShape.MODULE, Language.TSX),
    "bare client component": (
        f'"use client"\n{COMPONENT}',
        f'"use client"\n{COMPONENT}',
        AnswerShape.MODULE,
        Language.TSX,
    ),
    "bare component with prose": (
        f"Here is the component:\n\n{MODULE}\n\nIt shows a list:\n\n- of things\n- in <b>bold</b>.",
        MODULE,
        AnswerShape.MODULE,
        Language.TSX,
    ),
    "bare component after a comment": (f"// A.tsx\n{MODULE}", f"// A.tsx\n{MODULE}", AnswerShape.MODULE, Language.TSX),
    "document without its tags, with prose": (
        "<!doctype html>\n<title>a</title>\n<p>b</p>\n\nThat is all.",
        "<!doctype html>\n<title>a</title>\n<p>b</p>",
        AnswerShape.DOCUMENT,
        Language.HTML,
    ),
    "document between comments": (
        f"Here:\n<!-- a -->\n<!-- b -->\n{DOCUMENT}\n<!-- c -->\nBye",
        f"<!-- a -->\n<!-- b -->\n{DOCUMENT}\n<!-- c -->",
        AnswerShape.DOCUMENT,
        Language.HTML,
    ),
    "bare fragment with prose": (f"Here:\n{FRAGMENT}\nBye.", FRAGMENT, AnswerShape.FRAGMENT, Language.HTML),
    "two fences of fragments": (
        f"```html\n<p>a</p>\n```\nand\n```html\n{FRAGMENT}\n```",
        FRAGMENT,
        AnswerShape.FENCE,
        Language.HTML,
    ),
    "two documents": (f"{DOCUMENT}\nAgain:\n{DOCUMENT}", DOCUMENT, AnswerShape.DOCUMENT, Language.HTML),
}


@pytest.mark.parametrize(("text", "code", "found", "language"), SHAPES.values(), ids=SHAPES)
def test_the_code_is_found_in_each_shape(text: str, code: str, found: AnswerShape, language: Language) -> None:
    extraction = extract(Completion(text))
    assert extraction.code.strip() == code.strip()
    assert (extraction.found, extraction.language) == (found, language)
    assert text[extraction.files[0].places(0) :].startswith(extraction.code)


@pytest.mark.parametrize(
    "text",
    [
        "I cannot help with that.",
        "Visit <https://example.com> or write to <mailto:a@b.c>.",
        "```html\nNot code at all.\n```",
        "```tsx\n```",
        "a < b and c > d",
    ],
)
def test_text_without_ui_code_has_none(text: str) -> None:
    assert extract(Completion(text)) == Extraction(AnswerShape.NONE, prose=text)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_blank_text_is_empty(text: str) -> None:
    assert extract(Completion(text)) == Extraction(AnswerShape.EMPTY)


def test_a_thought_that_never_ends_holds_no_code() -> None:
    assert extract(Completion(f"<think>\n{DOCUMENT}")) == Extraction(AnswerShape.THINK_UNCLOSED, reasoning=DOCUMENT)


def test_a_page_may_speak_of_thoughts() -> None:
    page = DOCUMENT.replace("Hi", "What <code>&lt;think></code> does, and <think> too")
    assert extract(Completion(page)).code == page


VUE = "<template>\n  <p v-if='a'>b</p>\n</template>\n\n<script setup>\nimport { ref } from 'vue'\n</script>"
OLD_VUE = (
    "<template>\n  <p>b</p>\n</template>\n<script>\nimport A from './A.vue'\n\nexport default { data() {} }\n</script>"
)
SVELTE = "<script>\n  export let items = []\n</script>\n\n{#each items as item}\n  <p>{item}\n{/each}"


ASTRO = "---\nimport Card from './Card.astro';\nconst a = 1;\n---\n<p class='p-4'>{a}</p>"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (f"```vue\n{VUE}\n```", Language.VUE),
        (f"```html\n{VUE}\n```", Language.VUE),
        (f"Here:\n\n{VUE}\n\nDone.", Language.VUE),
        (f"```\n{OLD_VUE}\n```", Language.VUE),
        ("```html:src/App.vue\n<template><p>a</p></template>\n```", Language.VUE),
        (f"```svelte\n{SVELTE}\n```", Language.SVELTE),
        (f"```html\n{SVELTE}\n```", Language.SVELTE),
        (f"```astro\n{ASTRO}\n```", Language.ASTRO),
        (f"```\n{ASTRO}\n```", Language.ASTRO),
        (f"**src/pages/index.astro**\n\n```\n{ASTRO}\n```", Language.ASTRO),
    ],
)
def test_components_of_other_frameworks_are_not_taken_for_html(text: str, language: Language) -> None:
    assert extract(Completion(text)).language is language


@pytest.mark.parametrize(
    "code",
    [
        "<div>{{#if a}}<p>b</p>{{/if}}</div>",
        "<template id='row'><tr></tr></template>\n<script>\nlet setup = 1\n</script>",
        f"{DOCUMENT[:-14]}<template>\n<p>{{#if x}}</p></template></body>\n</html>",
    ],
)
def test_html_that_only_looks_like_a_component_is_html(code: str) -> None:
    assert extract(Completion(f"```html\n{code}\n```")).language is Language.HTML


def test_style_sheets_and_scripts_beside_the_page_go_with_it() -> None:
    text = (
        f"Three files.\n```html\n{DOCUMENT}\n```\nthen\n```css\na {{}}\n```\n```js\nlet a\n```\n```bash\nls\n```\nBye"
    )
    extraction = extract(Completion(f"<think>\nhm\n</think>\n{text}"))
    beside = [(file.language, file.code) for file in extraction.files[1:]]
    assert beside == [(Language.CSS, "a {}\n"), (Language.JS, "let a\n")]
    assert (extraction.reasoning, extraction.prose.split()) == ("hm", ["Three", "files.", "then", "Bye"])


def test_scripts_beside_a_component_are_other_modules() -> None:
    extraction = extract(Completion(f"```tsx\n{COMPONENT}\n```\n```css\na {{}}\n```\n```js\nlet a\n```"))
    assert [file.code for file in extraction.files[1:]] == ["a {}\n"]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (f"```html\n{FRAGMENT}\n```\nThen", False),
        (f"```html\n{FRAGMENT}\n", True),
        (f"```tsx\n{COMPONENT}", True),
        (f"{DOCUMENT}\nand some tal", False),
        (f"```html\n{DOCUMENT}\nand some tal", False),
        (DOCUMENT[:-9], True),
        (FRAGMENT, True),
        (MODULE, True),
        (f"{MODULE}\n\nThat is all.", False),
        (f"{MODULE}\n\nconst B = () => {{", True),
        (f"{FRAGMENT}\n<p", True),
        (f"{FRAGMENT}\nThis is a sec", False),
    ],
)
def test_code_is_cut_where_the_text_ends_in_it(text: str, cut: bool) -> None:
    assert extract(Completion(text)).cut is cut


def test_a_file_is_code_whatever_it_holds() -> None:
    code = f"```html\n{FRAGMENT}\n```"
    assert extract(Completion(code, language=Language.HTML)).code == code
    assert extract(Completion("just words", language=Language.HTML)).found is AnswerShape.NONE
    assert extract(Completion("export const a = 1", language=Language.TSX)).found is AnswerShape.FILE
