"""The page that the files of an answer make together: what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from scorers.contents import Contents, Ground
from scorers.css.declarations import declarations
from scorers.css.preprocessed import plain_css
from scorers.html.class_attributes import applied
from scorers.imports import imported_variables, unnamed_constants
from scorers.measures.dead_classes import Mentions, read_mentions
from scorers.tailwind.theme import Theme, read_theme


@dataclass(frozen=True, slots=True)
class Page:
    """What the files of one answer hold together, in their order.

    `class_names` holds every occurrence of a class name; `loose_names` words from string literals elsewhere in code,
    which are class names only if they are utilities. `styles` are CSS declarations that are in use, `literals` color
    values that code uses. `mentions` is what the answer's own CSS and scripts name; None where CSS lies elsewhere, so
    that no class can be called dead. `sheets` are the style sheets, `grounds` elements that may be the background;
    `is_document` says that it is a whole HTML document which brings all of its CSS.
    """

    tags: tuple[str, ...]
    class_names: tuple[str, ...]
    styles: tuple[tuple[str, str], ...]
    color_attributes: tuple[str, ...]
    loose_names: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    theme: Theme = field(default_factory=Theme)
    mentions: Mentions | None = None
    sheets: tuple[str, ...] = ()
    grounds: tuple[Ground, ...] = ()
    is_document: bool = False


def make_page(files: Sequence[Contents], given: Theme | None = None) -> Page:
    """The page of some files; what they do not define themselves, the `given` theme does. Never raises.

    >>> page = make_page([Contents(tags=("p",), class_names=("p-4",)), Contents(sheets=("a{color:red; @apply m-1}",))])
    >>> page.tags, page.class_names, page.styles
    (('p',), ('p-4', 'm-1'), (('color', 'red'),))
    """
    sheets = [plain_css(css) for file in files for css in file.sheets]
    styles = [*sheets, *(css for file in files for css in file.inline)]
    scripts = [script for file in files for script in file.scripts]
    code = (text for file in files for text in file.code)
    theme = read_theme(styles, scripts, chain.from_iterable(_variables(file) for file in files))
    return Page(
        tags=_joined(file.tags for file in files),
        class_names=(*_joined(file.class_names for file in files), *applied(sheets)),
        styles=tuple(_declared(files, styles)),
        color_attributes=_joined(file.color_attributes for file in files),
        loose_names=_joined(file.loose_names for file in files),
        literals=(*_joined(file.literals for file in files), *unnamed_constants(files)),
        theme=theme.over(given) if given else theme,
        mentions=read_mentions(sheets, (*scripts, *code)) if all(file.has_all_css for file in files) else None,
        sheets=tuple(sheets),
        grounds=tuple(ground for file in files for ground in file.grounds),
        is_document=_is_document(files),
    )


def _is_document(files: Sequence[Contents]) -> bool:
    return all(file.has_all_css for file in files) and any("html" in f.tags or "body" in f.tags for f in files)


def _variables(file: Contents) -> Iterator[tuple[str, str]]:
    yield from imported_variables(file)
    yield from ((name, value) for name, value in file.properties if name.startswith("--"))
    yield from file.variables


def _declared(files: Sequence[Contents], styles: Iterable[str]) -> Iterator[tuple[str, str]]:
    for css in styles:
        yield from declarations(css)
    for file in files:
        yield from file.properties


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(chain.from_iterable(parts))
