"""The verdict of the Nu Html Checker on pages: does it report an error of structure?

The checker also applies a schema (which attribute, which child), and calls much an error that every browser reads as
it is written. Only its parser's messages that say that tags do not pair up count as broken.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.agreement.tools import ToolMissing, need, npm

VERSION = "26.9.27"
# Pages given to one run; the memory that it needs grows with them.
_BATCH = 2_000

HARD = re.compile(
    r"^Unclosed element|^Unclosed elements on stack|^Stray end tag|^End tag .* open elements"
    r"|^End tag (for )? ?“.*unclosed elements|^A table cell was implicitly closed|violates nesting rules"
    r"|did not match the name of the current open element|^End of file|^Saw end of file"
    r"|an element of the same type was already open|^Saw a “form” start tag|previous “table” is still open"
    r"|^Heading cannot be a child|“select” start tag where end tag expected|“input” start tag with “select” open"
    r"|^No “(?!p”)[^”]*” element in scope|^HTML start tag .* in a foreign namespace|^End tag “br”"
    r"|^No table row to close|^No cell to close|^Bad start tag in .* in “noscript” in “head”"
    r"|^Self-closing syntax|^Saw an end tag after “body” had been closed"
    r"|^Stray start tag “(html|head|body|caption|col(group)?|tbody|thead|tfoot|tr|td|th|frameset)”"
    r"|^Quote “.*” in attribute name|^“<” in attribute name|^Saw “[<\"']” when expecting an attribute name"
)


def verdicts(pages: Sequence[str]) -> list[list[str]]:
    """For each page the messages that make it broken. Raises ToolMissing without Java or npm."""
    return [found for start in range(0, len(pages), _BATCH) for found in _batch(pages[start : start + _BATCH])]


def _batch(pages: Sequence[str]) -> Iterator[list[str]]:
    java = need("java", "install a Java runtime, 17 or newer")
    jar = npm({"vnu-jar": VERSION}) / "vnu-jar" / "build" / "dist" / "vnu.jar"
    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(pages):
            Path(folder, f"{number}.html").write_text(page, "utf-8")
        # Without `--no-stream` it gives up at content that browsers move, and says nothing of what follows.
        options = ["--format", "json", "--errors-only", "--no-stream", "--stdout", "--exit-zero-always"]
        command = [java, "-Xss512m", "-jar", str(jar), *options, folder]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            messages = json.loads(ended.stdout)["messages"]
        except ValueError as error:
            raise ToolMissing(f"vnu answered nothing that can be read: {ended.stderr.strip()[-500:]}") from error
    found: list[list[str]] = [[] for _ in pages]
    for message in messages:
        number = int(re.search(r"(\d+)\.html$", message["url"])[1])  # type: ignore[index]
        if message.get("subType") == "fatal" or HARD.search(message["message"]):
            found[number].append(f"{message.get('lastLine', 0)}: {message['message']}")
    yield from found
