"""Is this class name a Tailwind utility? A grammar over a table that Tailwind's own compilers wrote.

A name counts if Tailwind v3 or v4 turns it into CSS with the default theme (`data/generate_tailwind.mjs` says how the
table comes about), or if the page's own theme names its color. Variants, modifiers and `!` are parsed, not stripped:
`hover:` before a utility is fine, `hovr:` is not. `group` and `peer` mark elements and emit no CSS, so they are none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

MAX_CLASS_LENGTH = 300
COLOR_WORDS = frozenset(("black", "white", "transparent", "current", "inherit"))

_ARBITRARY_PROPERTY = re.compile(r"\[(?:--[\w-]+|-?[a-z][a-z-]*):[^\]].*\]", re.DOTALL)
_PAREN = re.compile(r"\((?:[a-z-]+:)?--[\w-]+\)")
_QUARTERS = re.compile(r"\d+(?:\.(?:25|5|75))?", re.ASCII)
_FRACTION = re.compile(r"\d+/\d+", re.ASCII)
_PERCENT = re.compile(r"\d+%", re.ASCII)
_MODIFIER = re.compile(r"\d+(?:\.(?:25|5|75))?|\[.+\]|\(--[\w-]+\)|[a-z]+", re.ASCII | re.DOTALL)
_WORD = re.compile(r"[a-z][\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Utility:
    """A utility taken apart: `md:hover:bg-red-500/50` has root `bg`, value `red-500` and modifier `50`.

    A utility without a value of its own (`flex`, `[mask-type:luminance]`) is all root.
    """

    root: str
    value: str = ""
    modifier: str = ""


@dataclass(frozen=True, slots=True)
class _Table:
    words: frozenset[str]
    modified: frozenset[str]
    roots: dict[str, frozenset[str]]
    colors: frozenset[str]
    variants: frozenset[str]
    functional: dict[str, frozenset[str]]
    compound: frozenset[str]


@cache
def data() -> dict[str, object]:
    """The generated table as it lies on disk; `versions` names the Tailwind versions it comes from."""
    loaded: dict[str, object] = json.loads((Path(__file__).parent / "data" / "tailwind.json").read_text("utf-8"))
    return loaded


@cache
def _table() -> _Table:
    raw = data()
    palette, roots, functional = raw["palette"], raw["roots"], raw["functional_variants"]
    assert isinstance(palette, dict)
    assert isinstance(roots, dict)
    assert isinstance(functional, dict)
    return _Table(
        words=frozenset(str(raw["words"]).split()),
        modified=frozenset(str(raw["modified"]).split()),
        roots={root: frozenset(kinds.split()) for kinds, names in roots.items() for root in names.split()},
        colors=frozenset(palette) | COLOR_WORDS,
        variants=frozenset(str(raw["variants"]).split()),
        functional={name: frozenset(values.split()) for name, values in functional.items()},
        compound=frozenset(str(raw["compound_variants"]).split()),
    )


@lru_cache(maxsize=1 << 16)
def parse_utility(name: str, theme_colors: frozenset[str] = frozenset()) -> Utility | None:
    """The utility that a class name is, or None. `theme_colors` are color names that the page's theme adds.

    >>> parse_utility("md:hover:bg-red-500/50")
    Utility(root='bg', value='red-500', modifier='50')
    >>> parse_utility("-mt-2.5"), parse_utility("w-[calc(100%-2rem)]") is not None
    (Utility(root='-mt', value='2.5', modifier=''), True)
    >>> [parse_utility(name) for name in ("fa-home", "hovr:flex", "bg-brand", "group", "p-")]
    [None, None, None, None, None]
    >>> parse_utility("bg-brand", frozenset(["brand"]))
    Utility(root='bg', value='brand', modifier='')
    """
    if not name or len(name) > MAX_CLASS_LENGTH:
        return None
    *variants, base = _split(name, ":")
    if not all(_is_variant(variant) for variant in variants):
        return None
    base = base[1:] if base.startswith("!") else base.removesuffix("!")
    if base.startswith("["):
        return Utility(base) if _ARBITRARY_PROPERTY.fullmatch(base) else None
    return _parse_base(base, theme_colors)


def is_utility(name: str) -> bool:
    """True where Tailwind v3 or v4 turns the class name into CSS with its default theme."""
    return parse_utility(name) is not None


def _parse_base(base: str, theme_colors: frozenset[str]) -> Utility | None:
    table = _table()
    if base in table.words:
        return Utility(base)
    if utility := _valued(base, "", theme_colors):
        return utility
    stem, modifier = _cut_modifier(base)
    if not modifier or not _MODIFIER.fullmatch(modifier):
        return None
    if stem in table.modified:
        return Utility(stem, "", modifier)
    return _valued(stem, modifier, theme_colors)


def _valued(base: str, modifier: str, theme_colors: frozenset[str]) -> Utility | None:
    """The longest known root before a `-` whose value is of a kind that the root takes."""
    roots = _table().roots
    end = base.find("-[") if base.endswith("]") else base.find("-(") if base.endswith(")") else len(base)
    at = end if 0 < end < len(base) else base.rfind("-", 0, end)
    while at > 0:
        root, value = base[:at], base[at + 1 :]
        kinds = roots.get(root)
        if kinds and _takes(kinds, value, bool(modifier), theme_colors):
            return Utility(root, value, modifier)
        at = base.rfind("-", 0, at)
    return None


def _takes(kinds: frozenset[str], value: str, modified: bool, theme_colors: frozenset[str]) -> bool:
    if modified and "color" not in kinds:
        return False
    if value.startswith("["):
        return "bracket" in kinds and len(value) > 2 and value.endswith("]")
    if value.startswith("("):
        return "paren" in kinds and _PAREN.fullmatch(value) is not None
    if "color" in kinds and (value in _table().colors or value in theme_colors):
        return True
    if modified:
        return False
    return (
        ("quarter" in kinds and _QUARTERS.fullmatch(value) is not None)
        or ("int" in kinds and value.isascii() and value.isdigit())
        or ("fraction" in kinds and _FRACTION.fullmatch(value) is not None)
        or ("percent" in kinds and _PERCENT.fullmatch(value) is not None)
    )


def _is_variant(variant: str) -> bool:
    table = _table()
    if variant in table.variants:
        return True
    if variant.startswith("["):
        return variant.endswith("]") and len(variant) > 2
    stem, modifier = _cut_modifier(variant)
    if modifier:
        return _is_functional(stem)
    return _is_functional(variant)


def _is_functional(variant: str) -> bool:
    table = _table()
    if variant.startswith("@") and _value_of_variant("@", variant[1:]):
        return True
    at = variant.find("-")
    while at > 0:
        if _value_of_variant(variant[:at], variant[at + 1 :]):
            return True
        at = -1 if variant[at + 1 : at + 2] == "[" else variant.find("-", at + 1)
    return variant in table.variants


def _value_of_variant(name: str, value: str) -> bool:
    table = _table()
    values = table.functional.get(name)
    if values is None or not value:
        return False
    if value.startswith("["):
        return value.endswith("]") and len(value) > 2
    if name in table.compound:
        return _is_variant(value)
    if name.startswith("nth"):
        return value.isascii() and value.isdigit()
    if name.endswith("data") or name == "supports":
        return _WORD.fullmatch(value) is not None
    return value in values


def _split(name: str, separator: str) -> list[str]:
    """Splits at a separator outside of brackets.

    >>> _split("[&:hover]:p-[a:b]", ":")
    ['[&:hover]', 'p-[a:b]']
    """
    if "[" not in name and "(" not in name:
        return name.split(separator)
    parts, depth, start = [], 0, 0
    for index, character in enumerate(name):
        if character in "[(":
            depth += 1
        elif character in "])":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(name[start:index])
            start = index + 1
    return [*parts, name[start:]]


def _cut_modifier(name: str) -> tuple[str, str]:
    """The name and what follows its last `/` outside of brackets, or nothing."""
    *stem, modifier = _split(name, "/")
    return ("/".join(stem), modifier) if stem else (name, "")
