"""What a page's own theme adds to Tailwind: CSS variables, `tailwind.config` colors, `@theme` colors.

`tailwind.config` is JavaScript, read from its syntax tree and never run: string colors, nested objects with `DEFAULT`,
and references such as `colors.indigo` or `colors.indigo[500]` are understood; functions and plugins are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scorers.css import color_tokens, declarations
from scorers.js_tree import captures, parsable, parse_jsx
from scorers.palette import CUSTOM, palette

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_SCRIPT = 100_000
MAX_COLORS = 2_000
MAX_DEFINITION = 200
_REFERENCE = re.compile(r"(?:\w+\.)*colors\.(\w+)(?:\[['\"]?(\w+)['\"]?\]|\.(\w+))?")
# Theme colors that design systems (shadcn/ui, daisyUI, Material) define outside of the component that uses them.
CONVENTIONAL = frozenset(
    (
        "primary",
        "secondary",
        "accent",
        "background",
        "foreground",
        "muted",
        "destructive",
        "border",
        "card",
        "popover",
        "input",
        "ring",
        "brand",
        "success",
        "warning",
        "error",
        "danger",
        "info",
        "surface",
        "base",
        "sidebar",
        "chart",
        "tertiary",
    )
)


@dataclass(frozen=True, slots=True)
class Theme:
    """`variables` maps `--name` to its first definition; `colors` maps a theme color (`brand-500`) to its CSS value."""

    variables: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """The color names that the theme adds, for `parse_utility`."""
        return frozenset(self.colors)

    def token(self, name: str) -> str | None:
        """The token of a theme color: its palette color, else `custom:name`; None for a name that no theme has.

        A page may define `.text-primary` in plain CSS: a variable of the same name then says which color that is.

        >>> Theme({"--p": "#ef4444"}, {"brand": "var(--p)"}).token("brand")
        'red-500'
        >>> Theme({"--color-primary": "#fff"}).token("primary"), Theme().token("primary-dark"), Theme().token("center")
        ('white', 'custom:primary-dark', None)
        """
        value = self.colors.get(name)
        if value is None:
            if name.partition("-")[0] not in CONVENTIONAL:
                return None
            value = self.variables.get(f"--color-{name}") or self.variables.get(f"--{name}") or ""
        if value in palette():
            return value
        tokens = color_tokens(value, self.variables)
        return tokens[0] if tokens else CUSTOM + name


def read_theme(styles: Iterable[str], scripts: Iterable[str]) -> Theme:
    """The theme that style sheets and scripts of one page define. The first definition of a name wins (`:root` before
    `.dark`). Never raises."""
    variables: dict[str, str] = {}
    colors: dict[str, str] = {}
    for style in styles:
        for name, value in declarations(style):
            if name.startswith("--") and len(variables) < MAX_COLORS:
                variables.setdefault(name, value[:MAX_DEFINITION])
                if "@theme" in style and name.startswith("--color-"):
                    colors.setdefault(name.removeprefix("--color-"), value)
    for script in scripts:
        if "colors" in script and "tailwind" in script and len(script) <= MAX_SCRIPT:
            for name, value in _config_colors(script):
                if len(colors) < MAX_COLORS:
                    colors.setdefault(name, value)
    return Theme(variables, colors)


def _config_colors(script: str) -> list[tuple[str, str]]:
    """The flattened `colors` objects of a script: `brand`, `brand-500`."""
    script = parsable(script)
    source = script.encode()
    found: list[tuple[str, str]] = []
    for value in captures(parse_jsx(script), "(pair value: (object) @colors)").get("colors", []):
        pair = value.parent
        key = None if pair is None else pair.child_by_field_name("key")
        if key is not None and _text(key, source) == "colors":
            _flatten(value, "", source, found, depth=0)
    return found


def _flatten(colors: Node, prefix: str, source: bytes, found: list[tuple[str, str]], depth: int) -> None:
    for pair in colors.named_children:
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if key is None or value is None:
            continue
        name = _text(key, source)
        full = prefix if name == "DEFAULT" and prefix else f"{prefix}-{name}" if prefix else name
        if value.type == "object" and depth < 4:
            _flatten(value, full, source, found, depth + 1)
        elif value.type in ("string", "template_string"):
            found.append((full, _text(value, source)))
        elif reference := _REFERENCE.fullmatch(_text(value, source)):
            found += _referenced(full, reference[1], reference[2] or reference[3])


def _referenced(name: str, family: str, shade: str | None) -> list[tuple[str, str]]:
    """What `colors.indigo[500]` and `colors.indigo` add under `name`."""
    if shade is not None or family in palette():
        return [(name, f"{family}-{shade}" if shade else family)]
    shades = [token for token in palette() if token.startswith(f"{family}-")]
    return [(f"{name}-{token.partition('-')[2]}", token) for token in shades]


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "ignore").strip("'\"`")
