"""What stands in one file of an answer, whatever language it is written in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ground:
    """An element that may be the background of its page: `<html>`, `<body>`, an outermost element, one that is as high
    as the screen. `classes` and `style` are its attributes, as far as they are plain text; what code makes of the style
    is written as CSS."""

    tag: str
    classes: str = ""
    style: str = ""
    outermost: bool = True


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
