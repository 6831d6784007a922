"""A project on disk as one answer: the pages, components, styles and configuration of an app that a model wrote.

| file                                    | read as                                                            |
|-----------------------------------------|--------------------------------------------------------------------|
| `.html` `.htm`                          | HTML                                                               |
| `.jsx` `.tsx` `.vue` `.svelte` `.astro` | components, where the language can be read                         |
| `.js` `.mjs` `.cjs`                     | JSX in a project of components, else a script beside the HTML page |
| `.ts` `.mts` `.cts`, `*.config.js`      | scripts: they name classes, and may configure Tailwind             |
| `.css` `.pcss` `.scss` `.less`          | style sheets                                                       |

Hidden entries, `node_modules`, and beside a `package.json` what was built (`dist`, `build`) are passed over; all other
files are named. The page, which the sample's language is taken from, is the file that frameworks start from (`page`,
`index`, `App`, …), a component before an HTML file; then the files follow in order of their paths.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from scorers import CodeFile, Completion, Language
from scorers.language import READERS
from watcher.model import Reason, UimonError

_PAGES: Final = {".html": Language.HTML, ".htm": Language.HTML}
_COMPONENTS: Final = {
    suffix: language
    for suffix, language in {
        ".jsx": Language.JSX,
        ".tsx": Language.TSX,
        ".vue": Language.VUE,
        ".svelte": Language.SVELTE,
        ".astro": Language.ASTRO,
    }.items()
    if language in READERS
}
_BESIDE: Final = {
    **dict.fromkeys((".js", ".mjs", ".cjs"), Language.JS),
    **dict.fromkeys((".ts", ".mts", ".cts"), Language.TS),
    **dict.fromkeys((".css", ".pcss", ".postcss", ".scss", ".less"), Language.CSS),
}
CODE_SUFFIXES: Final = {**_PAGES, **_COMPONENTS}
"""The files that are an answer alone."""
PROJECT_SUFFIXES: Final = {**CODE_SUFFIXES, **_BESIDE}
"""The files that are read of a project."""

# What frameworks start from: Next and SvelteKit, Vite, plain sites, Vue, Expo.
_ENTRIES: Final = ("page", "+page", "index", "app", "main", "home")
_BUILT: Final = ("dist", "build")
_MODULES: Final = "node_modules"
_SHOWN_SUFFIXES: Final = 8


@dataclass(frozen=True, slots=True)
class Project:
    """A project as one completion, and how many files of each suffix in it were not read."""

    completion: Completion
    unread: Counter[str]


def walk(root: Path, on_error: Callable[[OSError], None]) -> Iterable[Path]:
    """The files below a directory, without hidden entries and `node_modules`, in no order."""
    for directory, subdirectories, names in os.walk(root, onerror=on_error):
        subdirectories[:] = [name for name in subdirectories if name != _MODULES and not name.startswith(".")]
        for name in names:
            file = Path(directory, name)
            if not name.startswith(".") and file.is_file():
                yield file


def read_project(root: Path, text_of: Callable[[Path], str], on_error: Callable[[OSError], None]) -> Project:
    """The project in a directory; `text_of` reads one file. Raises `UimonError(VAL_MISSING)` where no page is in it."""
    found = sorted(file for file in walk(root, on_error) if not _is_built(file.relative_to(root), root))
    code = [file for file in found if file.suffix.lower() in PROJECT_SUFFIXES]
    if not any(file.suffix.lower() in CODE_SUFFIXES for file in code):
        kinds = ", ".join(CODE_SUFFIXES)
        sentence = f"{root} is no project that uimon can score: it holds no page ({kinds}); name another directory."
        raise UimonError(Reason.VAL_MISSING, sentence)
    of_components = any(file.suffix.lower() in _COMPONENTS for file in code)
    files = [
        CodeFile(file.relative_to(root).as_posix(), text_of(file), _language(file, of_components=of_components))
        for file in code
    ]
    files.sort(key=_order)
    text = "\n".join(file.code for file in files)
    completion = Completion(text, source=str(root), files=tuple(files))
    return Project(completion, unread_of(file for file in found if file not in set(code)))


def unread_of(files: Iterable[Path]) -> Counter[str]:
    """How many files of each suffix there are."""
    return Counter(file.suffix.lower() or file.name for file in files)


def unread_said(unread: Counter[str]) -> str:
    """What was not read, for a sentence.

    >>> unread_said(Counter({".json": 2, ".md": 1}))
    '3 files are not read (2 .json, 1 .md)'
    """
    common = sorted(unread.items(), key=lambda pair: (-pair[1], pair[0]))
    most = [f"{count} {suffix}" for suffix, count in common[:_SHOWN_SUFFIXES]]
    more = len(unread) - len(most)
    shown = ", ".join((*most, *([f"{more} other kinds"] if more else [])))
    files = "1 file is" if unread.total() == 1 else f"{unread.total()} files are"
    return f"{files} not read ({shown})"


def _is_built(place: Path, root: Path) -> bool:
    return place.parts[0] in _BUILT and (root / "package.json").is_file()


def _language(file: Path, *, of_components: bool) -> Language:
    language = PROJECT_SUFFIXES[file.suffix.lower()]
    if language is Language.JS and of_components and not file.stem.endswith(".config"):
        return Language.JSX
    return language


def _order(file: CodeFile) -> tuple[int, int, int, str]:
    """The page first: a component before an HTML file, which only loads it; then what a framework starts from, the one
    that lies highest.
    """
    path = PurePosixPath(file.name)
    kind = 2 if path.suffix.lower() not in CODE_SUFFIXES else int(file.language is Language.HTML)
    stem = path.stem.lower()
    entry = _ENTRIES.index(stem) if stem in _ENTRIES else len(_ENTRIES)
    return (kind, entry, len(path.parts), file.name)
