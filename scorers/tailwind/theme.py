"""What a page's own theme adds to Tailwind: CSS variables, and the names that `tailwind.config` and `@theme` define.

`tailwind.config` is read as data (`config`) and never run: string colors, nested objects with `DEFAULT`, presets of the
same file, and references such as `colors.indigo` or `colors.indigo[500]` are understood; plugins are not. Which
utilities a key makes (`fontFamily`: `font-*`, `spacing`: `p-*`, `w-*`, …) is in the generated table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice

from scorers.css.declarations import DARK_SELECTOR, blocks, declarations
from scorers.css.palette import UNRESOLVED, Color, named, palette
from scorers.css.values import definition_color
from scorers.tailwind.config import UNREAD, Expression, PalettePart, Value, read_config
from scorers.tailwind.conventions import CONVENTIONAL, is_conventional
from scorers.tailwind.utility import MAX_NAME_LENGTH, Additions, data

MAX_COLORS = 2_000
MAX_WORDS = 20_000
MAX_DEFINITION = 200
MAX_UNREAD = 20
_RENAMED = {"lightBlue": "sky", "warmGray": "stone", "trueGray": "neutral", "coolGray": "gray", "blueGray": "slate"}
_COLOR_KEY = re.compile(r"colors|\w+Color|fill|stroke|gradientColorStops")
_NO_COLOR = frozenset(("transparent", "currentcolor", "current", "inherit", "none"))
_VARIANT_KEYS = {"screens": ("", "max-", "min-"), "aria": ("aria-",), "data": ("data-",), "supports": ("supports-",)}
_VARIANT_SPACES = {"breakpoint": ("", "max-", "min-"), "container": ("@", "@max-", "@min-")}
_DARK_RULE = re.compile(rf"{DARK_SELECTOR}\s*(?:,[^{{}}]{{0,200}})?\{{([^{{}}]*)\}}")
_SUBSTITUTION = re.compile(r"\$\{[^{}]*\}")
_UTILITY = re.compile(r"@utility\s+([\w-]+)")
_CUSTOM_VARIANT = re.compile(r"@(?:custom-)?variant\s+([\w-]+)")


@dataclass(frozen=True, slots=True)
class Theme:
    """`variables` maps `--name` to its first definition; `colors` maps a theme color (`brand-500`) to its CSS value
    (empty where only running the code would tell); `additions` is what the theme adds to Tailwind's grammar. `identity`
    tells the contents of given themes apart (`given`). `dark` holds the variables that `.dark { … }` defines. `unread`
    names what a config takes from elsewhere, which may define further names: `theme.extend.colors: ...shared`."""

    variables: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)
    additions: Additions = CONVENTIONAL
    identity: str = ""
    dark: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def over(self, other: Theme) -> Theme:
        """This theme, and of the other what this one does not define.

        Args:
            other: The theme below, as one that is given for a whole run.

        Returns:
            Both together; `identity` is not kept.

        >>> both = Theme({"--a": "red"}, {"b": "var(--a)"}).over(Theme({"--a": "blue", "--c": "blue"}))
        >>> both.variables, both.color("b").token
        ({'--a': 'red', '--c': 'blue'}, 'red-500')
        """
        if not (self.variables or self.colors) and self.additions is CONVENTIONAL:
            return other
        additions = other.additions if self.additions is CONVENTIONAL else self.additions.joined(other.additions)
        variables = {**other.variables, **self.variables}
        # What this theme says of a name it says of dark pages, too.
        dark = {name: value for name, value in other.dark.items() if name not in self.variables}
        unread = (*self.unread, *other.unread)
        return Theme(variables, {**other.colors, **self.colors}, additions, dark={**dark, **self.dark}, unread=unread)

    def as_dark(self) -> Theme:
        """The theme of a page that says that it is dark.

        >>> theme = Theme(colors={"bg": "#fff"}, dark={"--color-bg": "#000"})
        >>> theme.as_dark().color("bg").token
        'black'
        """
        colors = {name: self.dark.get(f"--color-{name}", value) for name, value in self.colors.items()}
        return replace(self, variables={**self.variables, **self.dark}, colors=colors)

    def color(self, name: str) -> Color | None:
        """A theme color. A page may define `--primary` alone, or `.text-primary` in plain CSS: a variable of the name
        then says which color that is.

        Args:
            name: As it stands in a class name behind the utility: `primary`, `brand-500`.

        Returns:
            The color; `UNRESOLVED` where its definition is not known; None for a name that no theme has, and for one
            that stands for no color (`transparent`).

        >>> Theme({"--p": "#ef4444"}, {"brand": "var(--p)"}).color("brand").token
        'red-500'
        >>> Theme({"--primary": "0 100% 50%"}).color("primary") == Theme({"--color-primary": "#f00"}).color("primary")
        True
        >>> Theme().color("primary-dark") is UNRESOLVED, Theme().color("center")
        (True, None)
        """
        value = self.colors.get(name)
        if value is None:
            if not is_conventional(name):
                return None
            value = self.variables.get(f"--color-{name}") or self.variables.get(f"--{name}") or ""
        if value in palette():
            return named(value)
        if value.strip().lower() in _NO_COLOR:
            return None
        return definition_color(value, self.variables) or self._by_variable(name) or UNRESOLVED

    def _by_variable(self, name: str) -> Color | None:
        """Where `hsl(var(--primary))` stands for no color, as a page gives `--primary` in another form."""
        value = self.variables.get(f"--{name}")
        return None if value is None else definition_color(value, self.variables)


def read_theme(
    styles: Iterable[str],
    scripts: Iterable[str],
    variables: Iterable[tuple[str, str]] = (),
    *,
    shared: bool = False,
) -> Theme:
    """The theme that code defines. The first definition of a name wins (`:root` before `.dark`). Never raises.

    Args:
        styles: Style sheets.
        scripts: Scripts, of which each may configure Tailwind.
        variables: CSS variables that code sets, as (`--name`, value).
        shared: Whether it is the theme of many pages.

    Returns:
        The theme; an empty one where nothing is defined.

    >>> theme = read_theme(["@theme { --font-hand: x; --color-sea: #00f }"], ["tailwind.config = {theme: {extend: {"
    ...     "spacing: {18: '4.5rem'}, screens: {tablet: '640px'}, colors: {brand: {DEFAULT: 'red'}}}}}"])
    >>> dict(theme.colors), sorted(theme.additions.variants), {"font-hand", "mt-18"} <= theme.additions.words
    ({'sea': '#00f', 'brand': 'red'}, ['max-tablet', 'min-tablet', 'tablet'], True)
    """
    reading = _Reading()
    # Of the styles of its elements, a page repeats most.
    for style in dict.fromkeys(styles):
        reading.style(style)
    for name, value in variables:
        reading.variable(name, value)
    for script in scripts:
        # A configuration without the word has neither a theme nor daisyUI's themes, and is not worth a parser's time.
        if "theme" in script:
            reading.config(read_config(script))
    additions, unread = reading.additions(shared), tuple(reading.unread)
    return Theme(reading.variables, reading.colors, additions, dark=reading.dark, unread=unread)


def _fitting(value: str) -> str:
    """A definition as long as one may be; cut between words, because half of a color is another one."""
    return value if len(value) <= MAX_DEFINITION else value[: MAX_DEFINITION + 1].rpartition(" ")[0]


@dataclass(slots=True)
class _Reading:
    """What has been found so far; its size is bounded, whatever a page defines."""

    variables: dict[str, str] = field(default_factory=dict)
    colors: dict[str, str] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    variants: set[str] = field(default_factory=set)
    dark: dict[str, str] = field(default_factory=dict)
    unread: dict[str, None] = field(default_factory=dict)

    def additions(self, shared: bool) -> Additions:
        if not (self.colors or self.words or self.variants):
            return CONVENTIONAL
        colors = CONVENTIONAL.colors.union(self.colors)
        return Additions(colors, frozenset(self.words), frozenset(self.variants), shared)

    def style(self, style: str) -> None:
        for name, value in declarations(style) if "--" in style else ():
            if name.startswith("--"):
                self.variable(name, value)
        for block in _DARK_RULE.findall(style) if "dark" in style else ():
            for name, value in declarations(block):
                if name.startswith("--") and len(self.dark) < MAX_COLORS:
                    self.dark.setdefault(name, _fitting(value))
        if "@" not in style:
            return
        for block in blocks(style, "@theme"):
            for name, value in declarations(block):
                if name.startswith("--") and len(name) <= MAX_NAME_LENGTH:
                    self._definition(name.removeprefix("--"), value)
        self._add(_UTILITY.findall(style))
        self.variants.update(_CUSTOM_VARIANT.findall(style)[:MAX_COLORS])

    def variable(self, name: str, value: str) -> None:
        if len(self.variables) < MAX_COLORS:
            self.variables.setdefault(name, _fitting(value))

    def config(self, config: Mapping[str, Value]) -> None:
        self._daisyui(config.get("daisyui"))
        self._spreads("the configuration", config)
        theme = self._read("theme", config.get("theme"))
        extend = self._read("theme.extend", theme.get("extend"))
        for place, part in (("theme.extend", extend), ("theme", theme)):
            self._spreads(place, part)
            for key, value in part.items():
                if key != "extend" and _makes_names(key):
                    self._key(f"{place}.{key}", key, self._read(f"{place}.{key}", value))
        # Of a preset counts what the configuration does not say itself.
        presets = config.get("presets")
        for preset in presets if isinstance(presets, list) else ():
            self.config(self._read("presets", preset))

    def _read(self, place: str, value: Value | None) -> Mapping[str, Value]:
        """The members of a value; of code, none, and it is named."""
        if isinstance(value, Expression):
            self._name(place, value.text)
        return value if isinstance(value, dict) else {}

    def _spreads(self, place: str, members: Iterable[str]) -> None:
        for name in members:
            if UNREAD in name:
                self._name(place, name)

    def _name(self, place: str, code: str) -> None:
        if len(self.unread) < MAX_UNREAD:
            self.unread[f"{place}: {_fitting(' '.join(code.split()))}"] = None

    def _daisyui(self, options: Value | None) -> None:
        """The colors of the first theme that a page defines for daisyUI."""
        themes = options.get("themes") if isinstance(options, dict) else None
        for entry in themes if isinstance(themes, list) else ():
            for theme in entry.values() if isinstance(entry, dict) else ():
                for name, value in theme.items() if isinstance(theme, dict) else ():
                    if isinstance(value, str) and name in CONVENTIONAL.colors:
                        self._color(name, value)

    def _key(self, place: str, key: str, values: Mapping[str, Value]) -> None:
        if _COLOR_KEY.fullmatch(key):
            found = list(_colors(values))
            self._spreads(place, (name for name, _ in found))
            for name, value in found:
                if UNREAD not in name:
                    self._color(name, value)
            return
        self._spreads(place, values)
        for name in values:
            if name.startswith(UNREAD):
                continue
            for prefix in _VARIANT_KEYS.get(key, ()):
                self._variant(prefix + name)
            self._add(root if name == "DEFAULT" else f"{root}-{name}" for root in _roots("v3").get(key, ()))

    def _definition(self, name: str, value: str) -> None:
        """A definition in `@theme`: `--font-hand` makes `font-hand`, whichever namespaces its name may belong to."""
        if name.startswith("color-"):
            self._color(name.removeprefix("color-"), value)
            return
        at = name.find("-")
        while at > 0:
            space, rest = name[:at], name[at + 1 :]
            for prefix in _VARIANT_SPACES.get(space, ()):
                self._variant(prefix + rest)
            self._add(f"{root}-{rest}" for root in _roots("v4").get(space, ()))
            at = name.find("-", at + 1)

    def _color(self, name: str, value: str) -> None:
        if len(self.colors) < MAX_COLORS:
            value = self.colors.setdefault(name, _fitting(value))
            # What `theme(colors.brand)` means, and v4's `var(--color-brand)`.
            if value:
                self.variable(f"--color-{name}", f"var(--color-{value})" if value in palette() else value)

    def _variant(self, name: str) -> None:
        if len(self.variants) < MAX_COLORS:
            self.variants.add(name)

    def _add(self, words: Iterable[str]) -> None:
        if len(self.words) < MAX_WORDS:
            self.words.update(words)


@cache
def _roots(version: str) -> dict[str, tuple[str, ...]]:
    """The roots that a key of a v3 config, or a namespace of v4's `@theme`, gives names to."""
    table = data()[version]["theme"]
    return {key: tuple(roots.split()) for roots, keys in table.items() for key in keys.split()}


def _makes_names(key: str) -> bool:
    return key in _VARIANT_KEYS or key in _roots("v3") or _COLOR_KEY.fullmatch(key) is not None


def _colors(tree: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """The flattened colors of a config: `brand`, `brand-500`. A part may be in it many times, by a constant's name, so
    the steps are bounded, too."""
    waiting: list[tuple[str, Value]] = [("", dict(tree))]
    for _ in range(MAX_WORDS):
        if not waiting:
            return
        full, value = waiting.pop()
        if isinstance(value, dict):
            names = islice(value.items(), MAX_COLORS)
            waiting += reversed([(_joined(full, name), part) for name, part in names])
        elif isinstance(value, str):
            yield full, value
        elif isinstance(value, PalettePart):
            yield from _of_palette(full, value.names)
        elif isinstance(value, Expression):
            # Of code, the CSS around a variable.
            yield full, _SUBSTITUTION.sub("<alpha-value>", value.text) if "var(--" in value.text else ""


def _joined(prefix: str, name: str) -> str:
    if not prefix:
        return name
    return prefix if name == "DEFAULT" else f"{prefix}-{name}"


def _of_palette(name: str, part: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What `colors.indigo[500]` or `colors.indigo` adds under `name`."""
    if len(part) not in (1, 2):
        yield name, ""
        return
    family = _RENAMED.get(part[0], part[0])
    shades = [token for token in palette() if token.startswith(f"{family}-")]
    if len(part) == 2 or not shades:
        yield name, "-".join((family, *part[1:]))
    else:
        yield from ((f"{name}-{token.partition('-')[2]}", token) for token in shades)
