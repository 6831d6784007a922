"""A theme that is given for a whole run: for models that write against a theme which their answers do not define.

    theme = given_theme(["shadcn"])                          # the default theme of shadcn/ui
    theme = given_theme(["tailwind.config.ts", "globals.css"])

Style sheets are read for their CSS variables, `@theme` and `@utility`, configurations as data (`config`), never run.
What a page defines itself goes before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from scorers.tailwind.config import MAX_SCRIPT
from scorers.tailwind.theme import Theme, read_theme

SHADCN = "shadcn"
_SHEETS = (".css", ".scss", ".pcss", ".postcss")
_SCRIPTS = (".js", ".ts", ".mjs", ".cjs", ".mts", ".cts")


class ThemeError(ValueError):
    """A theme cannot be used: the text is a sentence that names it, says why, and what to do."""


def given_theme(named: Sequence[str]) -> Theme | None:
    """The theme of some files together.

    Args:
        named: Paths of style sheets and configurations, and `shadcn` for the default theme of shadcn/ui. Of two files
            that define the same name, the first wins; `shadcn` is below all of them, wherever it stands.

    Returns:
        The theme, whose `identity` tells themes of different content apart; None for no name.

    Raises:
        ThemeError: A file is missing, of another kind, unreadable, too long, or has no theme in it.

    >>> given_theme(["shadcn"]).color("primary").token
    'neutral-900'
    """
    files = [Path(name) for name in named if name != SHADCN]
    texts = [(file, _text(file)) for file in files]
    theme = _together(texts)
    if SHADCN in named:
        base = Path(__file__).with_name("shadcn.css")
        shipped = [(base, base.read_text("utf-8"))]
        texts += shipped
        theme = theme.over(_together(shipped)) if files else _together(shipped)
    return replace(theme, identity=_digest(text for _, text in texts)) if texts else None


def _together(texts: Sequence[tuple[Path, str]]) -> Theme:
    for file, text in texts:
        _require_theme(file, text)
    sheets = [text for file, text in texts if _is(file, _SHEETS)]
    scripts = [text for file, text in texts if _is(file, _SCRIPTS)]
    return read_theme(sheets, scripts, shared=True)


def _require_theme(file: Path, text: str) -> None:
    alone = read_theme([text], []) if _is(file, _SHEETS) else read_theme([], [text])
    if not (alone.variables or alone.colors or alone.additions.words or alone.additions.variants):
        seen = "CSS variables or `@theme`" if _is(file, _SHEETS) else "`export default {…}` or `module.exports = {…}`"
        elsewhere = f", and takes names from code that is not read ({'; '.join(alone.unread)})" if alone.unread else ""
        raise ThemeError(
            f"The theme {file} defines nothing that uimon can read ({seen}){elsewhere}; name another file with --theme."
        )


def _text(file: Path) -> str:
    if not _is(file, (*_SHEETS, *_SCRIPTS)):
        raise ThemeError(
            f"The theme {file} is no style sheet or configuration of Tailwind; name shadcn, a .css, .js or .ts file."
        )
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ThemeError(f"The theme {file} does not exist; check --theme.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ThemeError(f"The theme {file} cannot be read ({error}); check --theme.") from None
    if _is(file, _SCRIPTS) and len(text) > MAX_SCRIPT:
        raise ThemeError(
            f"The theme {file} is longer than {MAX_SCRIPT:,} characters; name a file with the theme alone."
        )
    return text


def _is(file: Path, suffixes: Iterable[str]) -> bool:
    return file.suffix.lower() in suffixes


def _digest(texts: Iterable[str]) -> str:
    whole = hashlib.sha256()
    for text in texts:
        whole.update(f"{len(text)}:{text}".encode())
    return whole.hexdigest()[:16]
