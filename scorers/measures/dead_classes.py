"""Class names that do nothing: no utility, no rule, no script and no library knows them. A model that writes many of
them hallucinates (.003-.012 of the class names on real pages).

Judged are pages that hold their own CSS. Where a page links a style sheet that is not known to be a library of icons
or fonts, what its classes mean is written elsewhere, as it is for a JSX component.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# Names that mark an element for a variant, a theme or a switch.
_MARKER = re.compile(r"(?:group|peer)(?:/.+)?|dark|light|no-js|js|notranslate|not-prose")
# Names of libraries whose CSS comes with a link or a script: icon fonts, animation on scroll, sliders, highlighting.
_LIBRARY = re.compile(
    r"(?:fa[srlbdt]?|fa-.+|bi|bi-.+|bx|bx[sl]?-.+|ri-.+|ti|ti-.+|la[srlb]?|la-.+|ph|ph-.+|mdi|mdi-.+|uil|uil-.+"
    r"|material-(?:icons|symbols)(?:-.+)?|lucide|lucide-.+|feather|feather-.+|icon|icon-.+|icons|ion-.+|glyphicon"
    r"|glyphicon-.+|iconify|iconify-.+|tabler-.+|heroicon|heroicon-.+|devicon-.+|flag-icon|flag-icon-.+|fi|fi-.+"
    r"|aos-.+|animate__.+|wow|animated|swiper|swiper-.+|splide|splide__.+|slick-.+|glide|glide__.+|owl-.+"
    r"|leaflet-.+|hljs|hljs-.+|language-.+|lang-.+|line-numbers|token|katex|katex-.+|math|ql-.+|flatpickr|flatpickr-.+"
    r"|prose|prose-.+|form-(?:input|textarea|select|multiselect|checkbox|radio)|aspect-[wh]-\d+|htmx-.+)"
)
_KNOWN_SHEET = re.compile(
    r"fonts\.(?:googleapis|bunny|cdnfonts)|rsms\.me|typekit|font|icon|remixicon|phosphor|line-awesome|lucide|devicon"
    r"|animate|aos|swiper|splide|slick|glide|owl|leaflet|highlight|prism|katex|quill|flatpickr|tailwind",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_SELECTED = re.compile(r"\.((?:[\w-]|[^\x00-\x7f]|\\.)+)")
_FRAGMENT = re.compile(r"\[class[*^$|~]?=[\"']?([^\"'\]\s]+)")
_STRING = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
    r"|\"((?:[^\"\\\n]|\\.)*+)\"?|'((?:[^'\\\n]|\\.)*+)'?|`((?:[^`\\]|\\.)*+)`?",
    re.DOTALL,
)
_PART = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Mentions:
    """The class names that a page's style sheets and scripts mention; `fragments` are parts of names that a selector
    such as `[class*="col-"]` asks for."""

    names: frozenset[str] = frozenset()
    fragments: tuple[str, ...] = ()

    def cover(self, name: str) -> bool:
        """True if a rule or a script may mean this name."""
        return name in self.names or any(fragment in name for fragment in self.fragments)


def read_mentions(styles: Iterable[str], scripts: Iterable[str]) -> Mentions:
    """What style sheets select and what the strings of scripts name; both in linear time.

    >>> mentions = read_mentions([".a:hover, .md\\\\:b [class*='c-'] { x: y }"], ["$('#d .e').add(\\"f g\\") // 'h'"])
    >>> [name for name in ("a", "md:b", "c-1", "e", "f", "g", "h", "x") if mentions.cover(name)]
    ['a', 'md:b', 'c-1', 'e', 'f', 'g']
    """
    names: set[str] = set()
    fragments: dict[str, None] = {}
    for style in styles:
        sheet = _COMMENT.sub(" ", style)
        names.update(re.sub(r"\\(.)", r"\1", name) for name in _SELECTED.findall(sheet))
        fragments.update(dict.fromkeys(_FRAGMENT.findall(sheet)[:100]))
    for script in scripts:
        for match in _STRING.finditer(script):
            text = match[1] or match[2] or match[3] or ""
            names.update(text.split())
            names.update(_PART.findall(text))
    return Mentions(frozenset(names), tuple(fragments)[:100])


def is_known_sheet(address: str) -> bool:
    """True for the address of a style sheet whose classes `is_borrowed` knows.

    >>> [is_known_sheet(address) for address in ("https://fonts.googleapis.com/css2?family=Inter", "style.css")]
    [True, False]
    """
    return _KNOWN_SHEET.search(address) is not None


def is_borrowed(name: str) -> bool:
    """True for a marker, or for a name of a library that brings its own CSS.

    >>> [is_borrowed(name) for name in ("group", "peer/mail", "fa-home", "swiper-slide", "family", "hero")]
    [True, True, True, True, False, False]
    """
    return _MARKER.fullmatch(name) is not None or _LIBRARY.fullmatch(name) is not None


def dead_classes(others: Counter[str], mentions: Mentions) -> Counter[str]:
    """Of class names that are no utilities, those that nothing on the page and no known library knows.

    >>> dict(dead_classes(Counter({"hero": 2, "card": 1, "fas": 3}), Mentions(frozenset(["card"]))))
    {'hero': 2}
    """
    dead = {name: count for name, count in others.items() if not mentions.cover(name) and not is_borrowed(name)}
    return Counter(dead)
