"""Files that a shell writes: `cat > src/App.tsx <<'EOF'`, up to the line that says `EOF`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from scorers.extraction.names import file_name
from scorers.extraction.passage import Passage

# How the line begins that writes a file.
BEGINS = r"(?:cat|tee)\b[^\n<]{0,300}<<-?[ \t]*['\"\\]?[A-Za-z_]"
_LINE = re.compile(
    r"^[ \t]*(?:cat|tee)\b(?P<before>[^\n<]{0,300})<<-?[ \t]*['\"\\]?(?P<end>[A-Za-z_]\w{0,40})['\"]?"
    r"(?P<after>[^\n]{0,300})\n",
    re.MULTILINE,
)
_TARGET = re.compile(r">{1,2}\|?[ \t]*['\"]?([^\s'\"|;&<>]+)")
# Each looks for its end in the rest of the text.
_MOST = 100


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A file's text, its name where the command gives one, and where all of it stands."""

    body: Passage
    name: str
    start: int
    end: int


def heredocs(passage: Passage, start: int = 0) -> Iterator[Heredoc]:
    """The files that commands write from `start` on, in order.

    >>> [(h.name, h.body.text) for h in heredocs(Passage("cat <<'EOF' > a.html\\n<p>a</p>\\nEOF\\nls"))]
    [('a.html', '<p>a</p>\\n')]
    """
    text, position = passage.text, start
    for _ in range(_MOST):
        line = _LINE.search(text, position)
        if line is None:
            return
        closed = re.compile(rf"^[ \t]*{line['end']}[ \t]*$", re.MULTILINE).search(text, line.end())
        stop, position = (closed.start(), closed.end()) if closed else (len(text), len(text))
        body = passage.part(line.end(), stop)
        yield Heredoc(body.closed() if closed else body, _name(line), line.start(), position)


def _name(line: re.Match[str]) -> str:
    target = _TARGET.search(line["before"]) or _TARGET.search(line["after"])
    words = [target[1]] if target else line["before"].split()
    return next((name for word in islice(words, 20) if (name := file_name(word.strip("'\"")))), "")
