"""Is this class name a Tailwind utility? A grammar over a table that Tailwind's own compilers wrote.

A name counts if Tailwind v3 or v4 turns it into CSS with the default theme (`generate_table.mjs` says how the
table comes about), or with what the page's own theme adds. Each version is a dialect of its own: what only v4 knows
(`not-hover:`, `p-4!`) does not go with what only v3 knows (`bg-opacity-50`). Variants, modifiers and `!` are parsed,
not stripped: `hover:` before a utility is fine, `hovr:` is not. `group` and `peer` mark elements and emit no CSS, so
they are none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from scorers.tailwind.text import NUMBER, bracketed, is_arbitrary, is_name, parenthesized, segments
from scorers.tailwind.variants import VariantsOfV3, VariantsOfV4

# Pictures stand in class names as they are (`bg-[url(data:…)]`).
MAX_CLASS_LENGTH = 100_000
# Of names that a theme gives, and of the class names that are remembered: memory stays bounded, whatever a page holds.
MAX_NAME_LENGTH = 300
# No root of Tailwind is longer, so that a name with many dashes is taken apart in linear time.
_MAX_ROOT = 40

_NONE: frozenset[str] = frozenset()
_FRACTION = re.compile(r"(?:0|[1-9]\d*)/(?:0|[1-9]\d*)", re.ASCII)
_RATIO = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:25|5|75))?/(?:0|[1-9]\d*)(?:\.(?:25|5|75))?", re.ASCII)
_PROPERTY_OF_V4 = re.compile(r"\[([a-z-][^:]*):(.+)\]", re.DOTALL)
_PROPERTY_OF_V3 = re.compile(r"\[([a-z_-][\w-]*):(\S+)\]", re.ASCII)
_HINT = re.compile(r"([a-z-]+):")
_HINTS = {
    **{name: f"{name}:" for name in ("color", "length", "number", "percentage", "image", "position", "shadow")},
    **dict.fromkeys(("family-name", "generic-name"), "family-name:"),
    **dict.fromkeys(("size", "bg-size", "line-width", "absolute-size", "relative-size"), "length:"),
    **{"url": "image:", "integer": "number:", "angle": "angle", "vector": "angle", "any": "variable"},
}
# What an arbitrary value is, where no hint says so; the first that fits counts.
_NUMERIC = r"[+-]?(?:\d++(?:\.\d++)?|\.\d++)(?:e[+-]?\d++)?"
_SHAPES = (
    ("variable", re.compile(r"var\(|--[\w-]+$")),
    ("color", re.compile(r"#|(?:rgba?|hsla?|hwb|color|(?:ok)?(?:lab|lch)|light-dark|color-mix)\(")),
    ("number", re.compile(rf"{_NUMERIC}$")),
    ("percent", re.compile(rf"{_NUMERIC}%$")),
    ("angle", re.compile(rf"{_NUMERIC}(?:deg|g?rad|turn)$")),
    ("length", re.compile(rf"{_NUMERIC}[a-zA-Z]+$|(?:calc|min|max|clamp|mod|rem|round|--spacing)\(")),
    ("image", re.compile(r"url\(|(?:[\w-]+-)?gradient\(|(?:element|image|cross-fade|image-set)\(")),
    ("position:", re.compile(r"(?:center|top|right|bottom|left)(?:_|$)")),
)


@dataclass(frozen=True, slots=True)
class Utility:
    """A utility taken apart: `md:hover:bg-red-500/50` has root `bg`, value `red-500` and modifier `50`.

    A utility without a value of its own (`flex`, `[mask-type:luminance]`) is all root.
    """

    root: str
    value: str = ""
    modifier: str = ""


@dataclass(frozen=True, slots=True)
class Additions:
    """What a theme adds: names of colors, whole utilities (`font-display`) and variants (`tablet`). `shared` says that
    many pages have the same, so that what was parsed is worth keeping."""

    colors: frozenset[str] = _NONE
    words: frozenset[str] = _NONE
    variants: frozenset[str] = _NONE
    shared: bool = False

    def joined(self, other: Additions) -> Additions:
        """What both add."""
        words, variants = self.words | other.words, self.variants | other.variants
        return Additions(self.colors | other.colors, words, variants)


NO_ADDITIONS = Additions()


@dataclass(frozen=True, slots=True)
class _Dialect:
    """One version of Tailwind. `words` maps a fixed utility to the kind of modifier that it takes, `roots` a root to
    the shapes of value that it takes and the kind of modifier that may follow each."""

    v4: bool
    words: Mapping[str, str]
    roots: Mapping[str, Mapping[str, str]]
    colors: frozenset[str]
    leading: frozenset[str]
    spacing: frozenset[str]
    variants: VariantsOfV3 | VariantsOfV4


@cache
def data() -> dict[str, Any]:
    """The generated table as it lies on disk; `versions` names the Tailwind versions it comes from."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("table.json").read_text("utf-8"))
    return loaded


@cache
def _dialects() -> tuple[_Dialect, _Dialect]:
    """v4, then v3."""
    raw = data()
    return _dialect(raw, "v4"), _dialect(raw, "v3")


def _dialect(raw: Mapping[str, Any], version: str) -> _Dialect:
    table = raw[version]
    families = frozenset(table["families"].split())
    return _Dialect(
        v4=version == "v4",
        words={word: key.removeprefix("/") for key, words in table["words"].items() for word in words.split()},
        roots={root: _shapes(key) for key, roots in table["roots"].items() for root in roots.split()},
        colors=frozenset(name for name in raw["palette"] if name.split("-")[0] in families)
        | frozenset(table["colors"].split()),
        leading=frozenset(table["leading"].split()),
        spacing=frozenset(raw["spacing"].split()),
        variants=VariantsOfV4.of(table["variants"]) if version == "v4" else VariantsOfV3.of(table["variants"]),
    )


def _shapes(signature: str) -> dict[str, str]:
    return {shape: modifier for shape, _, modifier in (part.partition("/") for part in signature.split())}


def parse_utility(name: str, additions: Additions = NO_ADDITIONS) -> Utility | None:
    """The utility that a class name is, or None. `additions` is what the page's theme adds.

    >>> parse_utility("md:hover:bg-red-500/50")
    Utility(root='bg', value='red-500', modifier='50')
    >>> parse_utility("-mt-2.5"), parse_utility("w-[calc(100%-2rem)]") is not None
    (Utility(root='-mt', value='2.5', modifier=''), True)
    >>> [parse_utility(name) for name in ("fa-home", "hovr:flex", "bg-brand", "group", "p-", "p-007")]
    [None, None, None, None, None, None]
    >>> parse_utility("bg-brand", Additions(colors=frozenset(["brand"])))
    Utility(root='bg', value='brand', modifier='')
    """
    if not name or len(name) > MAX_CLASS_LENGTH:
        return None
    utility = _by_default(name) if len(name) <= MAX_NAME_LENGTH else _parse_either(name, NO_ADDITIONS)
    if utility is not None or additions is NO_ADDITIONS:
        return utility
    shared = additions.shared and len(name) <= MAX_NAME_LENGTH
    return _by_convention(name, additions) if shared else _parse_either(name, additions)


@lru_cache(maxsize=1 << 16)
def _by_default(name: str) -> Utility | None:
    return _parse_either(name, NO_ADDITIONS)


@lru_cache(maxsize=1 << 16)
def _by_convention(name: str, additions: Additions) -> Utility | None:
    return _parse_either(name, additions)


def _parse_either(name: str, added: Additions) -> Utility | None:
    v4, v3 = _dialects()
    return _parse(v4, name, added) or _parse(v3, name, added)


def is_utility(name: str) -> bool:
    """True where Tailwind v3 or v4 turns the class name into CSS with its default theme."""
    return parse_utility(name) is not None


def versions_of(name: str) -> tuple[bool, bool]:
    """Whether v3 and whether v4 turns the class name into CSS.

    >>> versions_of("flex"), versions_of("bg-opacity-50"), versions_of("p-4!")
    ((True, True), (True, False), (False, True))
    """
    v4, v3 = _dialects()
    short = 0 < len(name) <= MAX_CLASS_LENGTH
    return short and _parse(v3, name, NO_ADDITIONS) is not None, short and _parse(v4, name, NO_ADDITIONS) is not None


def _parse(dialect: _Dialect, name: str, added: Additions) -> Utility | None:
    *variants, base = segments(name, ":")
    if variants and not dialect.variants.accepts([name for name in variants if name not in added.variants]):
        return None
    if dialect.v4 and base.endswith("!"):
        base = base[:-1]
    elif base.startswith("!"):
        base = base[1:]
    if base.startswith("["):
        return Utility(base) if _is_property(dialect, base) else None
    if base in dialect.words or base in added.words:
        return Utility(base)
    stem, *modifiers = segments(base, "/")
    if len(modifiers) > 1:
        return None
    modifier = modifiers[0] if modifiers else None
    if modifier is not None:
        kind = "leading" if stem in added.words else dialect.words.get(stem, "")
        if _modifies(dialect, kind, modifier):
            return Utility(stem, "", modifier)
    for root, value in _splits(stem):
        shapes = dialect.roots.get(root)
        if shapes and value:
            if modifier is not None and _is_fraction(shapes, f"{value}/{modifier}"):
                return Utility(root, f"{value}/{modifier}")
            taken = _takes(dialect, shapes, value, added.colors)
            if taken is not None and (modifier is None or _modifies(dialect, taken, modifier)):
                return Utility(root, value, modifier or "")
    return None


def _splits(stem: str) -> Iterator[tuple[str, str]]:
    """A root and its value, the longest root first; what stands in brackets is never part of a root."""
    if stem.endswith((")", "]")):
        at = stem.find("-[" if stem.endswith("]") else "-(")
        if at > 0:
            yield stem[:at], stem[at + 1 :]
        return
    at = stem.rfind("-", 0, _MAX_ROOT + 1)
    while at > 0:
        yield stem[:at], stem[at + 1 :]
        at = stem.rfind("-", 0, at)


def _takes(dialect: _Dialect, shapes: Mapping[str, str], value: str, colors: frozenset[str]) -> str | None:
    """The kind of modifier (`""` for none) that may follow a value; None where the root does not take the value."""
    if value[0] in "[(":
        return _takes_arbitrary(dialect, shapes, value)
    if "color" in shapes and (value in dialect.colors or value in colors):
        return shapes["color"]
    if "spacing" in shapes and value in dialect.spacing:
        return shapes["spacing"]
    number = NUMBER.fullmatch(value)
    if number is None:
        return None
    if number["percent"]:
        return None if number["quarter"] else shapes.get("percent")
    if "quarter" in shapes:
        return shapes["quarter"]
    if number["quarter"]:
        return None
    return shapes.get("int", shapes.get("positive") if value != "0" else None)


def _takes_arbitrary(dialect: _Dialect, shapes: Mapping[str, str], value: str) -> str | None:
    if dialect.v4 and value[0] == "(":
        hint, colon, _ = value[1:-1].partition(":")
        shape = _HINTS.get(hint, "variable") if colon else "variable"
        return shapes.get(f"[{shape}]", shapes.get("[any]")) if parenthesized(value) else None
    if value[0] != "[" or value[-1] != "]":
        return None
    if not value.strip("[]_"):
        return shapes.get("[empty]")
    shape = _shape(dialect, value[1:-1])
    return shapes.get(f"[{shape}]", shapes.get("[any]")) if shape else None


def _shape(dialect: _Dialect, inner: str) -> str:
    """What an arbitrary value is; `""` for one that the dialect does not take anywhere."""
    hint = _HINT.match(inner)
    value = inner[hint.end() :] if hint else inner
    if not is_arbitrary(value) or value.startswith(":"):
        return ""
    if hint:
        return _HINTS.get(hint[1], "variable" if dialect.v4 else "")
    if not dialect.v4 and len(segments(value, ":")) > 1:
        return ""
    return next((shape for shape, pattern in _SHAPES if pattern.match(inner)), "word")


def _is_fraction(shapes: Mapping[str, str], value: str) -> bool:
    if "fraction" in shapes and _FRACTION.fullmatch(value):
        return True
    return "ratio" in shapes and _RATIO.fullmatch(value) is not None


def _modifies(dialect: _Dialect, kind: str, modifier: str) -> bool:
    """True for a modifier of a kind: an opacity, a line height (`leading`), or any name."""
    if not kind:
        return False
    if modifier.startswith("["):
        return bracketed(modifier)
    if dialect.v4 and modifier.startswith("("):
        return parenthesized(modifier)
    if kind == "name":
        return is_name(modifier)
    if kind == "leading" and modifier in dialect.leading:
        return True
    if kind == "arbitrary" or (kind == "leading" and not dialect.v4):
        return False
    number = NUMBER.fullmatch(modifier)
    if number is None or number["percent"]:
        return False
    # v3 knows the opacities 0, 5, 10 … 100; v4 any quarter.
    return dialect.v4 or (not number["quarter"] and int(modifier) % 5 == 0 and int(modifier) <= 100)


def _is_property(dialect: _Dialect, base: str) -> bool:
    """True for `[property:value]`; v4 takes the opacity of a color behind it."""
    if not dialect.v4:
        match = _PROPERTY_OF_V3.fullmatch(base)
        return match is not None and not match[2].startswith("//") and is_arbitrary(match[2])
    stem, *modifiers = segments(base, "/")
    match = _PROPERTY_OF_V4.fullmatch(stem)
    if match is None or not _is_valid(match[2]) or len(modifiers) > 1:
        return False
    return not modifiers or _modifies(dialect, "opacity", modifiers[0])


def _is_valid(text: str) -> bool:
    return is_arbitrary(text) or text.strip("_ ") == ""
