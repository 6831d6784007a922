"""Finding the code in a completion: the shapes in which models answer."""

import pytest

from scorers import Completion, Language
from scorers.extraction import Extraction, Found, extract

DOCUMENT = "<!DOCTYPE html>\n<html>\n<body>\n<p>Hi</p>\n</body>\n</html>"
FRAGMENT = '<section class="p-4">\n  <p>Hi</p>\n</section>'
COMPONENT = "export default function A() {\n  return <p className='p-4'>Hi</p>\n}"

SHAPES: dict[str, tuple[str, str, Found, Language]] = {
    "fenced with prose": (f"Sure:\n\n```html\n{DOCUMENT}\n```\n\nEnjoy!", DOCUMENT, Found.FENCE, Language.HTML),
    "bare document": (DOCUMENT, DOCUMENT, Found.DOCUMENT, Language.HTML),
    "document with prose": (f"Here it is:\n{DOCUMENT}\nEnjoy <b>it</b>!", DOCUMENT, Found.DOCUMENT, Language.HTML),
    "draft in a thought": (
        f"<think>\n```html\n<p>draft\n```\n</think>\n```html\n{DOCUMENT}\n```",
        DOCUMENT,
        Found.FENCE,
        Language.HTML,
    ),
    "orphan end of thought": (f"maybe <div>\n</think>\n{DOCUMENT}", DOCUMENT, Found.DOCUMENT, Language.HTML),
    "code before a last thought": (f"{DOCUMENT}\n<think>was it good?", DOCUMENT, Found.DOCUMENT, Language.HTML),
    "unclosed fence": (f"```html\n{FRAGMENT}\n<p>mo", f"{FRAGMENT}\n<p>mo", Found.FENCE_TRUNCATED, Language.HTML),
    "unclosed fence, closed page": (f"```html\n{DOCUMENT}\nThis is <b>a", DOCUMENT, Found.DOCUMENT, Language.HTML),
    "truncated document": (DOCUMENT[:40], DOCUMENT[:40], Found.DOCUMENT_TRUNCATED, Language.HTML),
    "shell and style fences too": (
        f"```bash\nnpm i\n```\n```css\na > b {{}}\n```\n```html\n{FRAGMENT}\n```\n```js\nlet a = 1\n```",
        FRAGMENT,
        Found.FENCE,
        Language.HTML,
    ),
    "file name in the info string": (f"```html:index.html\n{DOCUMENT}\n```", DOCUMENT, Found.FENCE, Language.HTML),
    "four backticks": (f"````html\n{DOCUMENT}\n```\n````", f"{DOCUMENT}\n```", Found.FENCE, Language.HTML),
    "tildes": (f"~~~HTML\n{DOCUMENT}\n~~~", DOCUMENT, Found.FENCE, Language.HTML),
    "untagged fence": (f"```\n{FRAGMENT}\n```", FRAGMENT, Found.FENCE, Language.HTML),
    "indented fence": (f"1. this:\n   ```html\n{FRAGMENT}\n   ```", FRAGMENT, Found.FENCE, Language.HTML),
    "answer keyword": (f"answer\n{DOCUMENT}", DOCUMENT, Found.DOCUMENT, Language.HTML),
    "tsx fence": (f"Here:\n```tsx\n{COMPONENT}\n```\nDone.", COMPONENT, Found.FENCE, Language.TSX),
    "jsx fence": (f"```jsx\n{COMPONENT}\n```", COMPONENT, Found.FENCE, Language.JSX),
    "component in a js fence": (f"```javascript\n{COMPONENT}\n```", COMPONENT, Found.FENCE, Language.JSX),
    "component in an html fence": (f"```html\n{COMPONENT}\n```", COMPONENT, Found.FENCE, Language.TSX),
    "component in an untagged fence": (f"```\n{COMPONENT}\n```", COMPONENT, Found.FENCE, Language.TSX),
    "bare component": (COMPONENT, COMPONENT, Found.MODULE, Language.TSX),
    "bare client component": (f'"use client"\n{COMPONENT}', f'"use client"\n{COMPONENT}', Found.MODULE, Language.TSX),
    "bare fragment with prose": (f"Here:\n{FRAGMENT}\nBye.", FRAGMENT, Found.FRAGMENT, Language.HTML),
    "two fences of fragments": (
        f"```html\n<p>a</p>\n```\nand\n```html\n{FRAGMENT}\n```",
        FRAGMENT,
        Found.FENCE,
        Language.HTML,
    ),
    "two documents": (f"{DOCUMENT}\nAgain:\n{DOCUMENT}", DOCUMENT, Found.DOCUMENT, Language.HTML),
}


@pytest.mark.parametrize(("text", "code", "found", "language"), SHAPES.values(), ids=SHAPES)
def test_the_code_is_found_in_each_shape(text: str, code: str, found: Found, language: Language) -> None:
    extraction = extract(Completion(text))
    assert extraction.code.strip() == code.strip()
    assert (extraction.found, extraction.language) == (found, language)
    assert text[extraction.offset :].startswith(extraction.code)


@pytest.mark.parametrize(
    "text",
    [
        "I cannot help with that.",
        "Visit <https://example.com> or write to <mailto:a@b.c>.",
        "```bash\nnpm install\n```",
        "```html\nNot code at all.\n```",
        "```tsx\n```",
        "```python\nprint('<p>')\n```",
        "a < b and c > d",
    ],
)
def test_text_without_ui_code_has_none(text: str) -> None:
    assert extract(Completion(text)) == Extraction(Found.NONE)


def test_a_thought_that_never_ends_holds_no_code() -> None:
    assert extract(Completion(f"<think>\n{DOCUMENT}")) == Extraction(Found.THINK_UNCLOSED)


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
        (f"{FRAGMENT}\n<p", True),
        (f"{FRAGMENT}\nThis is a sec", False),
    ],
)
def test_code_is_cut_where_the_text_ends_in_it(text: str, cut: bool) -> None:
    assert extract(Completion(text)).cut is cut


def test_a_file_is_code_whatever_it_holds() -> None:
    code = f"```html\n{FRAGMENT}\n```"
    assert extract(Completion(code, language=Language.HTML)).code == code
    assert extract(Completion("just words", language=Language.HTML)).found is Found.NONE
    assert extract(Completion("export const a = 1", language=Language.TSX)).found is Found.FILE
