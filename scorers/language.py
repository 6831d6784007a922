"""The languages that code can be written in, each with what reads it.

A language is one function from code to a `Reading`: the verdict on its syntax and what stands in it. A further
language is one more entry of `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scorers.contents import Contents
from scorers.html.check import check_html
from scorers.html.read import read_html
from scorers.jsx.check import check_jsx
from scorers.jsx.read import read_jsx
from scorers.sample import Language
from scorers.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in one file: whether it parses, and what stands in it."""

    verdict: Verdict
    contents: Contents


Reader = Callable[[str], Reading]


def _html(code: str) -> Reading:
    return Reading(check_html(code), read_html(code))


def _jsx(code: str) -> Reading:
    return Reading(check_jsx(code), read_jsx(code))


def _css(code: str) -> Reading:
    return Reading(Verdict(()), Contents(sheets=(code,)))


def _script(code: str) -> Reading:
    """A script beside a page. Its colors are definitions: they count where the page uses them."""
    found = read_jsx(code)
    constants = tuple((path, color, True) for path, color, _ in found.constants)
    return Reading(Verdict(()), Contents(scripts=(code,), variables=found.variables, constants=constants))


READERS: Mapping[Language, Reader] = MappingProxyType(
    {
        Language.HTML: _html,
        Language.JSX: _jsx,
        Language.TSX: _jsx,
        Language.JS: _script,
        Language.TS: _script,
        Language.CSS: _css,
    }
)
"""What reads each language. A reader takes any text, in time linear in its length, and never raises."""
