"""Class names that people wrote: the tokens of MIT-licensed packages on npm that ship Tailwind source.

Fetched with `npm pack` at check time into the user's cache; nothing of them is kept in the repository.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.agreement.tools import ToolMissing, need

PACKAGES = {
    "@maizzle/framework": "6.1.7",
    "@nuxt/ui": "4.11.2",
    "flowbite-react": "0.12.17",
    "flowbite-svelte": "1.33.1",
    "fumadocs-ui": "16.17.8",
    "keep-react": "1.6.1",
    "konsta": "5.5.0",
    "rizzui": "2.1.0",
    "sailui": "0.7.0",
    "stwui": "0.21.2-next",
    "svelte-ux": "1.0.11",
    "xtendui": "1.4.2",
}
MAX_FILE = 500_000
MAX_TOKEN = 200
_SOURCE = re.compile(r"\.(?:html|vue|svelte|[cm]?[jt]sx?)$")
_ATTRIBUTE = re.compile(r"""\bclass(?:Name)?=(?:"([^"]*)"|'([^']*)')""")
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`([^`\\$]*)`')


def tokens() -> tuple[Counter[str], Counter[str]]:
    """Tokens of class attributes, and words with a dash or a colon in all other string literals, with occurrences."""
    attributes: Counter[str] = Counter()
    literals: Counter[str] = Counter()
    for text in _sources():
        attributes.update(word for match in _ATTRIBUTE.finditer(text) for word in _words(match))
        rest = _ATTRIBUTE.sub(" ", text)
        words = (word for match in _LITERAL.finditer(rest) for word in _words(match))
        literals.update(word for word in words if "-" in word or ":" in word)
    return attributes, literals


def _words(match: re.Match[str]) -> list[str]:
    text = next((group for group in match.groups() if group), "")
    return [word for word in text.split() if len(word) <= MAX_TOKEN]


def _sources() -> Iterator[str]:
    for name, version in PACKAGES.items():
        with tarfile.open(_archive(name, version)) as archive:
            for member in archive:
                if member.isfile() and member.size <= MAX_FILE and _SOURCE.search(member.name):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield content.read().decode("utf-8", "ignore")


def _archive(name: str, version: str) -> Path:
    """The package as npm sends it, without its dependencies."""
    program = need("npm", "it comes with Node.js 18 or newer")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uimon-agreement" / "packages"
    path = cache / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = [program, "pack", f"{name}@{version}", "--silent", "--pack-destination", str(cache)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode or not path.exists():
            raise ToolMissing(f"npm could not fetch {name} {version}: {ended.stderr.strip()[-500:]}")
    return path
