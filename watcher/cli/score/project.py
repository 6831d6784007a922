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

from scorers import CodeFile, Completion
from scorers.language import BY_SUFFIX, LANGUAGES, LanguageSupport, Role
from watcher.model import Reason, UimonError

# What frameworks start from: Next and SvelteKit, Vite, plain sites, Vue, Expo.
_ENTRIES: Final = ("page", "+page", "index", "app", "main", "home")
_BUILT: Final = ("dist", "build")
_MODULES: Final = "node_modules"
_SHOWN_SUFFIXES: Final = 8


@dataclass(frozen=True, slots=True)
class ProjectRead:
    """A project as one completion, and how many files of each suffix in it were not read."""

    completion: Completion
    unread: Counter[str]


def language_of(file: Path) -> LanguageSupport | None:
    """The language of a file on disk by its suffix; None for what is not read.

    >>> language_of(Path("App.TSX")).name, language_of(Path("notes.md"))
    (<Language.TSX: 'tsx'>, None)
    """
    return BY_SUFFIX.get(file.suffix.lower())


def page_of(file: Path) -> LanguageSupport | None:
    """The same for a file that is an answer alone."""
    language = language_of(file)
    return language if language and language.is_page else None


def page_suffixes() -> tuple[str, ...]:
    """The suffixes of files that are an answer alone."""
    return tuple(suffix for suffix, language in BY_SUFFIX.items() if language.is_page)


def walk(root: Path, on_error: Callable[[OSError], None]) -> Iterable[Path]:
    """The files below a directory, without hidden entries and `node_modules`, in no order."""
    for directory, subdirectories, names in os.walk(root, onerror=on_error):
        subdirectories[:] = [name for name in subdirectories if name != _MODULES and not name.startswith(".")]
        for name in names:
            file = Path(directory, name)
            if not name.startswith(".") and file.is_file():
                yield file


def read_project(root: Path, text_of: Callable[[Path], str], on_error: Callable[[OSError], None]) -> ProjectRead:
    """The project in a directory; `text_of` reads one file. Raises `UimonError(VAL_MISSING)` where no page is in it."""
    found = sorted(file for file in walk(root, on_error) if not _is_built(file.relative_to(root), root))
    code = [(file, language) for file in found if (language := language_of(file))]
    if not any(language.is_page for _, language in code):
        kinds = ", ".join(page_suffixes())
        sentence = f"uimon cannot score {root} as a project: it holds no page ({kinds}); name another directory."
        raise UimonError(Reason.VAL_MISSING, sentence)
    of_components = any(language.role is Role.COMPONENT for _, language in code)
    files = [
        CodeFile(file.relative_to(root).as_posix(), text_of(file), _read_as(file, language, of_components))
        for file, language in code
    ]
    files.sort(key=_order)
    text = "\n".join(file.code for file in files)
    completion = Completion(text, source=str(root), files=tuple(files))
    return ProjectRead(completion, unread_of(file for file in found if not language_of(file)))


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


def _read_as(file: Path, language: LanguageSupport, of_components: bool) -> str:
    if of_components and not file.stem.endswith(".config"):
        return language.in_components or language.name
    return language.name


def _order(file: CodeFile) -> tuple[int, int, int, str]:
    """The page first: a component before an HTML file, which only loads it; then what a framework starts from, the one
    that lies highest.
    """
    path = PurePosixPath(file.name)
    # By its suffix: a script that is read as a component is no page.
    kind = int(LANGUAGES[file.language].role is Role.DOCUMENT) if page_of(Path(file.name)) else 2
    stem = path.stem.lower()
    entry = _ENTRIES.index(stem) if stem in _ENTRIES else len(_ENTRIES)
    return (kind, entry, len(path.parts), file.name)
