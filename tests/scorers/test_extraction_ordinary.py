"""The short way to the code of an ordinary answer says what the long way says."""

from __future__ import annotations

import random

import pytest

from scorers import Completion
from scorers.extraction import AnswerShape, extract
from scorers.extraction import extract_any as long_way
from scorers.extraction import extract_ordinary as short_way
from scorers.extraction.passage import Passage

_TALK = (
    "Here is the page:",
    "好的，这是您要的页面：",
    "Let me know!",
    "- a header\n- a list",
    "1. First",
    "### Plan",
    "**Notes**",
    "It is built with Tailwind CSS (v4). Enjoy!",
    "src/App.tsx",
    "**index.html**",
    "I used `flex`.",
    "<p>",
    "export it",
    "import a",
    "const",
    "Let us",
    "analysis",
    "analysisWe need",
    "Here's my thought process:",
    "assistant:",
    "model: a",
    "> quoted",
    "\u200b",
    "---",
    "*** Add File: a",
    "----- SEARCH",
    "diff --git a b",
    "{",
    '["a',
    '"',
    "think",
    "</think>",
    "<|im_end|>",
    "[INST]",
    "~~~",
    "```",
    "cat > a",
    "\\n",
    "Class of its own",
    "a.b",
    "x < y",
    "</s>",
    "42",
    "²",
)
_CODE = (
    "<p class='p-4'>a</p>",
    "<!DOCTYPE html>",
    "<html><body>",
    "</body></html>",
    "<style>a{color:red}</style>",
    "<script>",
    "</script>",
    "const a = `b`;",
    "const b = `",
    "export default () => <p/>",
    "<!-- index.html -->",
    "// src/App.tsx",
    "<think>",
    "<Reason>a</Reason>",
    "</thinking>",
    "<|im_end|>",
    "<|im_start|>user",
    "<|channel|>",
    "<｜a｜b>",
    "</s>",
    "<end_of_turn>",
    "[INST]",
    "~~~",
    "  ```",
    "a```",
    "{",
    '{"html": "<p>"}',
    "1. <p>",
    "---\na: b\n---",
    "<answer>",
    "<pre>",
    "</pre>",
    "<textarea>",
    "&lt;p&gt;",
    "<![CDATA[",
    "<<<<<<< SEARCH",
    "html",
    "a b c",
    "\u200b",
    "\ufeff",
    "body { color: red }",
    "<div>\n  <b>cotton</b>\n</div>",
    "<template>",
    "<svelte:head>",
    "{#if a}",
    "npm install",
)
_WORDS = ("html", "html", "tsx", "jsx", "HTML", "vue", "css", "", "text", "html title='a.html'", "tsx {1}", "bash")
_ENDS = ("```", "```", "```", "```", "````", "``` ", " ```", "```\n", "", "~~~", "```html", "``` so")


def _answer(chance: random.Random) -> str:
    odd = chance.random() < 0.5

    def lines(of: tuple[str, ...], usual: int, most: int) -> str:
        return "".join(chance.choice(of if odd else of[:usual]) + "\n" for _ in range(chance.randint(0, most)))

    blank = chance.choice(("", "", "\n", "\n\n", " "))
    opening = f"```{chance.choice(_WORDS if odd else _WORDS[:4])}\n"
    end = chance.choice(_ENDS if odd else _ENDS[:3])
    closing = chance.choice(("", "\n", "\n\n"))
    return f"{lines(_TALK, 8, 3)}{blank}{opening}{lines(_CODE, 7, 5)}{end}{closing}{lines(_TALK, 8, 3)}"


def _without(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + text[at + chance.randint(0, 3) :]


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_to_an_ordinary_answer_agree(seed: int) -> None:
    chance = random.Random(seed)
    short = 0
    for _ in range(600):
        text = _answer(chance)
        text = _without(text, chance) if chance.random() < 0.3 else text
        whole, truncated = Passage(text, open=True), chance.random() < 0.3
        found = short_way(whole, truncated) if text.strip() else None
        if found is not None:
            assert found == long_way(whole, truncated), text
            short += 1
    # As many as this are ordinary; without them nothing was compared.
    assert short > 40


@pytest.mark.parametrize("word", ["html", "jsx", "tsx"])
def test_what_models_answer_most_is_ordinary(word: str) -> None:
    code = "<p className='p-4'>One reason for cotton: a &lt; b</p>\n"
    text = f"Sure! Here's the page, built with Tailwind CSS:\n\n```{word}\n{code}```\n\n- **Fast**: yes.\n"
    assert short_way(Passage(text, open=True), truncated=False) is not None
    assert extract(Completion(text)).code == code
    assert extract(Completion(text)).found is AnswerShape.FENCE


def test_a_quoted_fence_behind_an_invisible_character_is_read() -> None:
    found = extract(Completion("It is:\n\n\u200b> ```html\n> <p>a</p>\n> ```\n"))
    assert found.code.strip() == "<p>a</p>"
    assert extract(Completion("aaaa                    > ```html\n<p>a</p>\n```\n")).code.strip() == "<p>a</p>"
