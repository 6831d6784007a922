"""What the training callback that uimon took over from would have logged for the same outputs, its defects included.

Only to see why the figures moved (`--scorer legacy`), never to judge a model by:

- syntax: every start tag waits for its own end tag, so `<br>`, `<img>`, `<meta>` and `<li>` without `</li>` are
  invalid, while text without any tag, and even no text at all, is valid. A code fence is not taken off; JSX is read as
  HTML. A wrong end tag does not take its element off the stack.
- colors: only `bg-`, `text-` and `border-` before a word and a number, and `#` before three to six hexadecimal digits:
  `border-t-2` is the color `t`, `href="#add"` the color `#add`, while `from-blue-500`, `white` and `rgb()` are none.
  Shades are lost, hexadecimal and named colors are told apart, and no color at all is an entropy of 0.
- classes: whatever stands between quotes after `class=` or `className=`, Tailwind's or not.

Not done again: it generated one sample (three by its own description) of at most 512 tokens, and cut the answer at
the length of a prompt from which the tokenizer had dropped tokens. Here all samples are measured, as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from scorers.metrics.statistics import entropy
from scorers.sample import Completion, Sample

_CLASS = (re.compile(r"""className=["'](.*?)["']"""), re.compile(r"""class=["'](.*?)["']"""))
_UTILITY_COLOR = re.compile(r"\b(?:bg|text|border)-(\w+)-\d+\b")
_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{3,6}\b")


class Legacy:
    """The old figures as a plug-in, under `eval/legacy/`, each by the name that it had."""

    name = "legacy"
    version = "1"

    def measure(self, completion: Completion, sample: Sample) -> dict[str, Any]:  # noqa: ARG002 (the plug-in's form)
        """The old verdict and the old tokens.

        >>> from scorers import Outcome
        >>> def old(text): return Legacy().measure(Completion(text), Sample("", Outcome.EMPTY))
        >>> old("<br>")["valid"], old("")["valid"], old("<p><b></p></b></p>")["valid"]
        (False, True, False)
        >>> old("<a href='#add' class='border-t-2 text-red-500'>")["colors"]
        {'t': 1, 'red': 1, '#add': 1}
        """
        code = completion.text.strip()
        colors = Counter([*_UTILITY_COLOR.findall(code), *_HEX_COLOR.findall(code)])
        classes = {name for pattern in _CLASS for text in pattern.findall(code) for name in text.split()}
        return {"valid": _balanced(code), "colors": dict(colors), "classes": sorted(classes)}

    def aggregate(self, measurements: Sequence[Any]) -> Mapping[str, float | None]:
        """The old metrics over all samples; an entropy of nothing is 0, as it was."""
        colors: Counter[str] = Counter()
        for measurement in measurements:
            colors.update(measurement["colors"])
        return {
            "syntax_validity_rate": sum(m["valid"] for m in measurements) / len(measurements),
            "color_entropy": entropy(colors.values()) or 0.0,
            "unique_tailwind_classes": float(len({name for m in measurements for name in m["classes"]})),
            "total_colors_used": float(colors.total()),
        }


class _Balance(HTMLParser):
    """Start tags wait on a stack for their end tags; void elements like all others."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[str] = []
        self.wrong = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 (the parser's form)
        self.waiting.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.waiting and self.waiting[-1] == tag:
            self.waiting.pop()
        else:
            self.wrong = True


def _balanced(code: str) -> bool:
    balance = _Balance()
    try:
        balance.feed(code)
    except (AssertionError, ValueError, IndexError):
        # What the standard parser gives up on was invalid in the old figures too.
        return False
    return not balance.wrong and not balance.waiting
