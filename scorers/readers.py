"""The languages that are read: HTML, JSX and TSX, Vue, Svelte, Astro, and what stands beside a page."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from scorers.contents import Contents, pooled
from scorers.html.check import check_html
from scorers.html.read import read_page
from scorers.html.scripts import read_scripts
from scorers.jsx.check import check_jsx
from scorers.jsx.engine import SourceKind
from scorers.jsx.read import read_jsx
from scorers.language import LanguageSupport, Opening, Role
from scorers.reading import FileReading
from scorers.sample import Language
from scorers.sfc.astro import read_astro
from scorers.sfc.svelte import read_svelte
from scorers.sfc.vue import read_vue
from scorers.verdict import MAX_ISSUES, SyntaxVerdict


def _html(code: str) -> FileReading:
    markup, page = check_html(code), read_page(code)
    if not page.scripts and not page.handlers:
        return FileReading(markup, page.contents)
    scripts = read_scripts(code, page)
    found = scripts.verdict
    issues = sorted((*markup.issues, *found.issues), key=lambda issue: (issue.position.line, issue.position.column))
    verdict = replace(found, issues=tuple(issues[:MAX_ISSUES]), soft=markup.soft + found.soft)
    return FileReading(verdict, pooled((page.contents, *scripts.contents)))


def _jsx(code: str) -> FileReading:
    return FileReading(check_jsx(code), read_jsx(code))


def _css(code: str) -> FileReading:
    return FileReading(SyntaxVerdict(()), Contents(sheets=(code,)))


def _javascript(code: str) -> FileReading:
    return _script(code, SourceKind.JS)


def _typescript(code: str) -> FileReading:
    return _script(code, SourceKind.TS)


def _script(code: str, kind: SourceKind) -> FileReading:
    """A script beside a page: what it says of class names matters to the page, whose CSS is not here. What configures
    Tailwind uses no colors; constants of a module in TypeScript are definitions, which count where they are used."""
    found = read_jsx(code, kind)
    if found.scripts:
        found = replace(found, literals=())
    if found.scripts or kind is SourceKind.TS:
        found = replace(found, constants=tuple((path, color, True) for path, color, _ in found.constants))
    return FileReading(check_jsx(code, kind), replace(found, scripts=(code,), has_all_css=True))


BUILT_IN: Final = (
    LanguageSupport(
        Language.HTML,
        _html,
        Role.DOCUMENT,
        words=(
            *("html", "htm", "xhtml", "html5", "svg", "erb", "ejs", "hbs", "handlebars", "mustache", "jinja", "jinja2"),
            *("twig", "liquid", "blade", "njk", "nunjucks", "django", "alpine", "htmx", "tailwind", "markup"),
        ),
        suffixes=(".html", ".htm"),
    ),
    LanguageSupport(
        Language.JSX,
        _jsx,
        Role.COMPONENT,
        words=("jsx", "react", "reactjs", "javascriptreact", "react-jsx", "preact", "solid"),
        suffixes=(".jsx",),
        is_script=True,
    ),
    LanguageSupport(
        Language.TSX,
        _jsx,
        Role.COMPONENT,
        words=("tsx", "typescriptreact", "react-tsx", "react-ts", "nextjs", "next", "next.js", "shadcn"),
        suffixes=(".tsx",),
        is_script=True,
    ),
    LanguageSupport(Language.VUE, read_vue, Role.COMPONENT, ("vue", "vuejs"), (".vue",), certain=True, has_blocks=True),
    LanguageSupport(Language.SVELTE, read_svelte, Role.COMPONENT, ("svelte",), (".svelte",), certain=True),
    LanguageSupport(Language.ASTRO, read_astro, Role.COMPONENT, ("astro",), (".astro",), certain=True),
    LanguageSupport(
        Language.JS,
        _javascript,
        Role.SCRIPT,
        words=("js", "javascript", "mjs", "cjs", "es6", "ecmascript", "node"),
        suffixes=(".js", ".mjs", ".cjs"),
        is_script=True,
        with_markup=Language.JSX,
        in_components=Language.JSX,
        opening=Opening.STATEMENT,
    ),
    LanguageSupport(
        Language.TS,
        _typescript,
        Role.SCRIPT,
        words=("ts", "typescript", "mts", "cts"),
        suffixes=(".ts", ".mts", ".cts"),
        is_script=True,
        with_markup=Language.TSX,
    ),
    LanguageSupport(
        Language.CSS,
        _css,
        Role.SHEET,
        words=("css", "postcss", "pcss", "scss", "sass", "less", "tailwindcss", "tailwind-css"),
        suffixes=(".css", ".pcss", ".postcss", ".scss", ".less"),
        certain=True,
        opening=Opening.RULE,
    ),
)
