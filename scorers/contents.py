"""What stands in one file of an answer, whatever language it is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain

# Class names of an element as high as the screen.
SCREEN = re.compile(r"(?:^|\s)(?:(?:min-)?h-(?:screen|dvh|svh|lvh|\[100[dsl]?vh\])|inset-0|size-screen)(?:\s|$)")
# The attribute by which a page, or a provider of themes around it, says that it comes up dark.
DARK_SWITCH = re.compile(r"data-(?:[\w-]+-)?(?:theme|mode|scheme)")


@dataclass(frozen=True, slots=True)
class Ground:
    """An element that may be the background of its page: `<html>`, `<body>`, an outermost element, one that is as high
    as the screen. `classes`, `style` and `id` are its attributes, as far as they are plain text; what code makes of the
    style is written as CSS, and an attribute that switches it to dark (`data-theme="dark"`) as the class `dark`."""

    tag: str
    classes: str = ""
    style: str = ""
    outermost: bool = True
    id: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read from one file, in text order.

    `class_names` holds every occurrence of a class name; `loose_names` words from string literals elsewhere in code,
    which are class names only if they are utilities. `sheets` are style sheets, `inline` the CSS of style attributes,
    `properties` the (CSS property, value) pairs of style objects. `color_attributes` are values of `fill` and the like,
    `literals` color values that code uses elsewhere, `variables` CSS variables that code defines; `constants` are
    (path, color, whether the file uses it itself) of constants, which other files name as `var(--js-PATH)`. `scripts`
    are scripts, `code` the attributes that are code: both may name classes, and a script may configure Tailwind.
    `imports` are the module names that the file imports. `has_all_css` is false where the CSS of the file lies
    elsewhere, so that no class can be called dead. `grounds` are elements that may be the page's background, in text
    order.
    """

    tags: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    loose_names: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    color_attributes: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, str, bool], ...] = ()
    scripts: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    has_all_css: bool = True
    grounds: tuple[Ground, ...] = ()


def pooled(parts: Iterable[Contents]) -> Contents:
    """What stands in several parts of one file, in their order.

    >>> found = pooled([Contents(tags=("p",)), Contents(tags=("b",), has_all_css=False)])
    >>> found.tags, found.class_names, found.has_all_css
    (('p', 'b'), (), False)
    """
    found = list(parts)
    names = (entry.name for entry in fields(Contents) if entry.name != "has_all_css")
    joined = {name: tuple(chain.from_iterable(getattr(part, name) for part in found)) for name in names}
    return Contents(**joined, has_all_css=all(part.has_all_css for part in found))
