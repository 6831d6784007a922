"""Is this a variant (`hover`, `md`, `group-data-[state=open]/item`, `[&>p]`) of Tailwind v3 or v4?

The names come from the generated table; the rules for what stands in brackets and which variants may be put together
(`not-hover`, `has-checked`, but not `has-md`) are Tailwind's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorers.tailwind.text import bracketed, is_arbitrary, is_name, parenthesized, segments

_NOTHING: frozenset[str] = frozenset()
_ATTRIBUTE = re.compile(r"[\w-]*\s*(?:[~|^$*]?=.*)?", re.DOTALL)
_NESTED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_OTHER_ELEMENT = re.compile(r"&[^,]*?[\s_>+~]")
_CONDITIONS = ("@media", "@supports", "@container")
_MAX_NESTED = 8
# No root of a variant is longer.
_MAX_ROOT = 40


@dataclass(frozen=True, slots=True)
class VariantsOfV4:
    """What the table says of v4: for each fixed variant, functional root and compound root, which compounds (`not`,
    `group`, …) may hold it; for each functional root also the shapes of value that it takes."""

    fixed: Mapping[str, frozenset[str]]
    named: frozenset[str]
    functional: Mapping[str, tuple[frozenset[str], frozenset[str]]]
    compound: Mapping[str, frozenset[str]]
    named_compound: frozenset[str]
    mixed: frozenset[str]
    pseudo: frozenset[str]
    children: frozenset[str]
    relative: frozenset[str]
    at_rules: frozenset[str]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> VariantsOfV4:
        """Reads the table's `v4.variants`."""
        functional: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        for signature, names in raw["functional"].items():
            shapes, _, inside = signature.partition("|")
            functional.update(dict.fromkeys(names.split(), (frozenset(shapes.split()), frozenset(inside.split()))))
        return cls(
            fixed=_by_name(raw["fixed"]),
            named=frozenset(raw["named"].split()),
            functional=functional,
            compound=_by_name(raw["compound"]),
            named_compound=frozenset(raw["named_compound"].split()),
            mixed=frozenset(raw["mixed"].split()),
            pseudo=frozenset(raw["pseudo"].split()),
            children=frozenset(raw["children"].split()),
            relative=frozenset(raw["relative"].split()),
            at_rules=frozenset(raw["at_rules"].split()),
        )

    def accepts(self, names: list[str]) -> bool:
        """True for variants that v4 can apply in this order, the outermost first."""
        if any(self._inside(name, 0) is None for name in names):
            return False
        outer = next((index for index, name in enumerate(names) if name in self.pseudo), len(names))
        return not any(name in self.children or _selects_others(name) for name in names[outer + 1 :])

    def _inside(self, name: str, depth: int) -> frozenset[str] | None:
        """The compounds that may hold this variant; None for what is none."""
        if depth > _MAX_NESTED:
            return None
        if name.startswith("[") and name.endswith("]"):
            return self._arbitrary(name[1:-1], depth)
        stem, *modifiers = segments(name, "/")
        if len(modifiers) > 1 or (modifiers and not _is_modifier(modifiers[0])):
            return None
        if stem in self.fixed:
            return self.fixed[stem] if not modifiers or stem in self.named else None
        return self._valued(stem, modifiers, depth)

    def _arbitrary(self, selector: str, depth: int) -> frozenset[str] | None:
        if not is_arbitrary(selector) or (selector[0] == "@" and "&" in selector):
            return None
        if selector[0] in ">+~":
            return self.relative if depth else None
        if selector[0] == "@":
            return self.at_rules if selector.startswith(_CONDITIONS) else _NOTHING
        return _NOTHING if "::" in selector else frozenset(self.compound)

    def _valued(self, stem: str, modifiers: list[str], depth: int) -> frozenset[str] | None:
        """A root before a dash and its value; the longest root that takes its value wins."""
        if stem.startswith("@[") or stem.startswith("@("):
            return self._functional("@", stem[1:], modifiers)
        at = stem.rfind("-", 0, _MAX_ROOT + 1)
        while at > 0:
            root, value = stem[:at], stem[at + 1 :]
            if root in self.compound:
                return self._compound(root, value, modifiers, depth)
            if (inside := self._functional(root, value, modifiers)) is not None:
                return inside
            at = stem.rfind("-", 0, at)
        return None

    def _functional(self, root: str, value: str, modifiers: list[str]) -> frozenset[str] | None:
        shapes, inside = self.functional.get(root, (_NOTHING, _NOTHING))
        taken = (
            ("[any]" in shapes and bracketed(value))
            or ("[attribute]" in shapes and bracketed(value) and _is_attribute(value[1:-1]))
            or ("(any)" in shapes and parenthesized(value))
            or ("word" in shapes and is_name(value) and ("[attribute]" not in shapes or _is_attribute(value)))
            or ("int" in shapes and value.isascii() and value.isdigit())
        )
        return inside if taken and (not modifiers or "modifier" in shapes) else None

    def _compound(self, root: str, value: str, modifiers: list[str], depth: int) -> frozenset[str] | None:
        # `not-group-hover/item`: the name belongs to the inner `group`.
        held = value if root in self.named_compound else "/".join([value, *modifiers])
        inside = self._inside(held, depth + 1)
        if inside is None or root not in inside:
            return None
        return _NOTHING if root == "not" and held in self.mixed else self.compound[root]


@dataclass(frozen=True, slots=True)
class VariantsOfV3:
    """What the table says of v3: the variants, and those of them that take a value in brackets."""

    fixed: frozenset[str]
    arbitrary: frozenset[str]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> VariantsOfV3:
        """Reads the table's `v3.variants`."""
        return cls(frozenset(raw["fixed"].split()), frozenset(raw["arbitrary"].split()))

    def accepts(self, names: list[str]) -> bool:
        """True for variants that v3 can apply. It ignores a modifier that a variant has no use for (`md/x:`)."""
        return all(self._accepts(name) for name in names)

    def _accepts(self, name: str) -> bool:
        if name in self.fixed:
            return True
        *stems, modifier = segments(name, "/")
        name = "/".join(stems) or modifier
        if name.startswith("["):
            return _is_format_of_v3(name)
        if name.endswith("]"):
            root, _, value = name.partition("-[")
            return root in self.arbitrary and (is_arbitrary(value[:-1]) or not value[:-1].strip("_"))
        return name in self.fixed


def _selects_others(name: str) -> bool:
    """True for an arbitrary variant that goes on to another element: `[&>p]`, but not `[&:hover]` or `[.dark_&]`."""
    return name.startswith("[&") and _OTHER_ELEMENT.match(_NESTED.sub("", name[1:-1])) is not None


def _is_format_of_v3(name: str) -> bool:
    """An arbitrary variant of v3 is one selector, with `&` for the element."""
    if not name.endswith("]"):
        return False
    selector = name[1:-1]
    return (selector.startswith("@") or "&" in selector) and len(segments(selector, ",")) == 1


def _is_attribute(text: str) -> bool:
    return _ATTRIBUTE.fullmatch(text.replace("_", " ") if "=" in text else text) is not None


def _is_modifier(text: str) -> bool:
    return bracketed(text) or parenthesized(text) or is_name(text)


def _by_name(groups: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {name: frozenset(key.split()) for key, names in groups.items() for name in names.split()}
