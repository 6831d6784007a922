"""The languages that code can be written in, each with what reads it.

A language is one function from code to a `Reading`: the verdict on its syntax and what stands in it. A further
language is one more entry of `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from scorers.contents import Contents, pooled
from scorers.html.check import check_html
from scorers.html.read import read_page
from scorers.html.scripts import read_scripts
from scorers.jsx.check import check_jsx
from scorers.jsx.engine import Kind
from scorers.jsx.read import read_jsx
from scorers.reading import Reading
from scorers.sample import Language
from scorers.sfc.astro import read_astro
from scorers.sfc.svelte import read_svelte
from scorers.sfc.vue import read_vue
from scorers.verdict import MAX_ISSUES, Verdict

Reader = Callable[[str], Reading]


def _html(code: str) -> Reading:
    markup, page = check_html(code), read_page(code)
    if not page.scripts and not page.handlers:
        return Reading(markup, page.contents)
    scripts = read_scripts(code, page)
    found = scripts.verdict
    issues = sorted((*markup.issues, *found.issues), key=lambda issue: (issue.position.line, issue.position.column))
    verdict = replace(found, issues=tuple(issues[:MAX_ISSUES]), soft=markup.soft + found.soft)
    return Reading(verdict, pooled((page.contents, *scripts.contents)))


def _jsx(code: str) -> Reading:
    return Reading(check_jsx(code), read_jsx(code))


def _css(code: str) -> Reading:
    return Reading(Verdict(()), Contents(sheets=(code,)))


def _javascript(code: str) -> Reading:
    return _script(code, Kind.JS)


def _typescript(code: str) -> Reading:
    return _script(code, Kind.TS)


def _script(code: str, kind: Kind) -> Reading:
    """A script beside a page: what it says of class names matters to the page, whose CSS is not here. What configures
    Tailwind uses no colors; constants of a module in TypeScript are definitions, which count where they are used."""
    found = read_jsx(code, kind)
    if found.scripts:
        found = replace(found, literals=())
    if found.scripts or kind is Kind.TS:
        found = replace(found, constants=tuple((path, color, True) for path, color, _ in found.constants))
    return Reading(check_jsx(code, kind), replace(found, scripts=(code,), has_all_css=True))


READERS: Mapping[Language, Reader] = MappingProxyType(
    {
        Language.HTML: _html,
        Language.JSX: _jsx,
        Language.TSX: _jsx,
        Language.VUE: read_vue,
        Language.SVELTE: read_svelte,
        Language.ASTRO: read_astro,
        Language.JS: _javascript,
        Language.TS: _typescript,
        Language.CSS: _css,
    }
)
"""What reads each language. A reader takes any text, in time linear in its length, and never raises."""
