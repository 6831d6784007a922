"""Extraction of texts made to keep it busy: loops of everything that begins something and never ends it."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers import Completion
from scorers.extraction import element_end, extract
from scorers.extraction.wrappers import WrapperTag, closing_of

SIZE = 60_000
LOOPS = (
    *(
        "a ``` b ",
        "x```\n",
        "```js\n",
        "```tsx\n`\n",
        "```html\n<textarea>\n```\n",
        "> ```\n",
        "- ```html\n",
        "```html <p>",
    ),
    *("<answer>", "<a1>\n", '<file path="a.tsx">\n', "<file path='a.tsx'><![CDATA[", "<path>a.tsx</path>"),
    *("<parameter=content>\n", "<code>\n", "<pre><code>&lt;p", "<code><!doctype html></code>\n", '<x "'),
    *('{"a":', '["', '{"html": "<p>\\n"}\n', "[TOOL_CALLS][{", "\\n"),
    *(
        "<<<<<<< SEARCH\n",
        "<<<<<<< SEARCH\n=======\n<p>\n>>>>>>> REPLACE\n",
        "--- a\n+++ b\n",
        "*** Add File: a.tsx\n+<p>\n",
    ),
    *("<plan>\n</plan>\n", "[THINK]", "</think>\n", "<|channel|>analysis<|message|>", "assistantfinal"),
    *(
        "<|im_end|>",
        "<|im_end|>'",
        "<pad>",
        "&lt;p&gt;",
        "<!doctype html>\n```\n",
        "<html>\n",
        "<!doctype html><script>",
    ),
    *("const a = <p/>;\n", "const a = 1\nHello there you\n", "### a.css\na {}\n", "1. a\n", "---\n", "\u200b", "a = /"),
)
_PIECES = (
    *("```tsx\n", "\n```\n", "```", "<answer>", "</answer>", '<file path="a.tsx">', "</file>", "<![CDATA[", "]]>", "{"),
    *(
        '"html": "',
        '"}',
        "\\n",
        "<p>",
        "</p>",
        "<!doctype html>",
        "</html>",
        "import a from 'b'\n",
        "const a = (",
        "`",
        "\n",
    ),
    *(
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
        "--- a\n+++ b.tsx\n",
        "@@ -0,0 +1 @@\n",
        "+<p>\n",
        "> ",
        "1. ",
    ),
    *(
        "<think>",
        "</think>",
        "<|channel|>final<|message|>",
        "<|im_end|>",
        "&lt;p&gt;",
        "**src/App.tsx**\n",
        "a {}\n",
        "\ufeff",
    ),
)


@pytest.mark.parametrize("piece", LOOPS)
def test_a_loop_is_read_in_bounded_time(piece: str) -> None:
    text = piece * (SIZE // len(piece))
    began = time.process_time()
    extract(Completion(text, truncated=True))
    # A quadratic step would take minutes on these.
    assert time.process_time() - began < 5


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join), st.booleans())
def test_any_mixture_is_read_and_every_file_stands_in_the_text(text: str, truncated: bool) -> None:
    for file in extract(Completion(text, truncated=truncated)).files:
        assert all(0 <= file.places(offset) <= len(text) for offset in range(len(file.code) + 1))


@pytest.mark.parametrize("piece", ["<old_str>a\n", "<old_string>x<p>\n", "<explanation>x<p>y\n", "<note>x<p>"])
def test_end_tags_that_never_come_are_looked_for_up_to_a_bound(monkeypatch: pytest.MonkeyPatch, piece: str) -> None:
    looked: list[int] = []

    def counted(text: str, tag: WrapperTag, start: int) -> tuple[int, int]:
        looked.append(len(text) - start)
        return closing_of(text, tag, start)

    monkeypatch.setattr(element_end, "closing_of", counted)
    monkeypatch.setattr(element_end, "_MOST_SEARCHED", 100_000)
    text = piece * 1_500
    extract(Completion(text))
    # In each of the texts that stand in one another, the last look may go beyond it.
    assert 100_000 < sum(looked) < 10 * (100_000 + len(text))
