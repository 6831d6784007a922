"""The answer that models give most: talk, one closed fence that names its language, talk.

It is told from all others at once, so that none of what other shapes need has to be looked for. What it holds is read
as by `reader`. The proof that this says the same as the long way, rule by rule:

- Talk holds words and the marks of sentences and lists alone: no tag, bracket, quote or back quote, and no dot before a
  letter. So it names no file, and only `STARTER` can find code in it. It begins like no turn, no thought and no
  numbered line.
- The text has two runs of back quotes, each at the beginning of its line, and none of tildes. So every special token
  stands in the code, and a token in a closed block ends no turn.
- Nothing in the code looks like the beginning or the end of a thought, or like a token inside of a tag.
- The closing fence stands in no literal of the code. One of markup would end behind it, with a bracket, which talk does
  not hold; scripts are looked through.
"""

from __future__ import annotations

import re

from scorers.extraction.fences import Fence, Fences
from scorers.extraction.layers import holds_token_in_tag
from scorers.extraction.look import begins_module
from scorers.extraction.names import Hint
from scorers.extraction.passage import Passage
from scorers.extraction.reader import STARTER
from scorers.extraction.reasoning import begins_thought, holds_thought
from scorers.extraction.special import CHANNEL, begins_turn

_TALK = r"(?:[\w \n,;:!?'’“”()*#&%+/，。：！、（）-]|\.(?!\w))*+"
_OPENING = re.compile(rf"(?!\s){_TALK}^(?P<fence>```(?P<word>html|jsx|tsx)\n)", re.MULTILINE)
_BEHIND = re.compile(rf"(?:\n{_TALK})?\Z")


def ordinary_fence(passage: Passage) -> Fence | None:
    """The fence of such an answer; None for every other one. Linear.

    >>> fence = ordinary_fence(Passage("Here it is:\\n```html\\n<p>a</p>\\n```\\nEnjoy.", open=True))
    >>> fence.hint.word, fence.body.text, fence.body.open, fence.start, fence.end
    ('html', '<p>a</p>\\n', False, 12, 32)
    >>> ordinary_fence(Passage("It is `a`:\\n```html\\n<p>a</p>\\n```\\n"))
    """
    text = passage.text
    opening = _OPENING.match(text)
    if opening is None or text[0].isdigit() or STARTER.search(text, 0, opening.start("fence")):
        return None
    start, hint = opening.end(), Hint(opening["word"])
    closing = text.find("```", start)
    end = closing + 3
    # A line end before the first character of the code is that of the opening fence: there is no code.
    if closing <= start or text[closing - 1] != "\n" or not _BEHIND.match(text, end) or STARTER.search(text, end):
        return None
    if "<" not in text or "~~~" in text or CHANNEL in text or holds_token_in_tag(text):
        return None
    if begins_turn(text) or begins_thought(text) or holds_thought(text):
        return None
    is_script = hint.word != "html" or begins_module(text, start)
    if is_script and Fences(passage).in_literal(closing, start, hint):
        return None
    return Fence(hint, passage.part(start, closing).closed(), opening.start("fence"), end, outer=False)
