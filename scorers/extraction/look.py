"""What code looks like: the marks by which a piece of text is taken for a document, a module, a style sheet."""

from __future__ import annotations

import re

from scorers.extraction.names import Hint
from scorers.extraction.passage import BLANK
from scorers.language import Role
from scorers.sample import Language

DOCUMENT = re.compile(r"<!doctype\s+html\b|<html[\s>]", re.IGNORECASE)
TAG = re.compile(r"</?(?!https?:|mailto:)[a-z][\w.:-]*[\s/>]|<>", re.IGNORECASE)
TAG_AT_START = re.compile(r"<(?!https?:|mailto:)[a-z][\w.:-]*(?:[\s/>]|$)|<>|<!--", re.IGNORECASE)
# Blanks are matched inside a line only, and never by two parts of a pattern that touch: both take quadratic time.
MODULE = re.compile(
    r"[ \t]*(?:import\b[ \t]*(?:['\"{*]|type\b|[\w$]+[ \t]*(?:,|[ \t]from\b|$))"
    r"|export[ \t]+(?:default|const|let|var|function|class|async|type|interface|enum|abstract|declare|\{|\*)"
    r"|(?:const|let|var)[ \t]+(?:[\w$]+[ \t]*[:=]|[{\[])"
    r"|(?:async[ \t]+)?function\b[ \t]*+(?:\*[ \t]*+)?[\w$]*+[ \t]*+(?:\(|<[\w$])"
    r"|type[ \t]+\w+[ \t]*(?:=|<[^\n=]*=)|interface[ \t]++\w++[^\n{]*+\{|class[ \t]+\w+[ \t]+extends\b"
    r"|['\"]use (?:client|server|strict)['\"]|module\.exports\b|(?:ReactDOM|createRoot)\b[.(])",
)
_JSX = re.compile(
    r"\bclassName=|^[ \t]*import\s[^\n]*\bfrom\s|^[ \t]*export\s+(?:default|const|function)\b|=>\s*\(|\{/\*",
    re.MULTILINE,
)
# An element of JSX has an end; `<T>(x: T)` and `<number>x` of TypeScript have none.
_IN_SCRIPT = re.compile(r"</(?:[A-Za-z][\w.:-]*\s*)?>|<[A-Za-z][\w.:-]*(?:\s[^<>]*)?/>|\s/>")
# Where JSX stands: HTML in strings stands behind a quote, and what is in it behind a tag or words.
_IN_EXPRESSION = re.compile(
    r"(?:\breturn\b|=>|\s\?|&&|\|\||\?\?|\brender\(|\bdefault\b|\b(?:const|let|var)\s++[\w$]++\s*+(?::[^=\n]{0,80})?=)"
    r"\s*+\(?\s*+<(?:[A-Za-z]|>)|[({\[:?,=]\s*+<[A-Z][\w.]*(?:\s|/?>)"
)
# The first element of a component, in the parentheses that stand around it: a cast of TypeScript stands in none.
_RETURNED = re.compile(r"(?:\breturn|=>)\s*+\(\s*+<(?:[A-Za-z][\w.-]*+(?:\s|$)|[a-z][\w-]*+>|>)")
CSS = re.compile(
    r"(?:@(?:import|tailwind|layer|theme|apply|media|charset|font-face|keyframes|config|plugin|source|use|custom-variant|"
    r"variant|utility|supports|property|container)\b|[.#:*\[]?[\w*:.#\[\]=\"'~^$| >+,()\\-]{0,300}\{\s*"
    r"(?:--|[\w-]{1,60}\s*:|@apply\b|[.&][\w:-]|\}))"
)
_VUE = re.compile(
    r"^<script\b[^>\n]*\bsetup\b|^<script\b[^>\n]*>\s*(?:import\b[^\n]*\n\s*)*export default\b", re.MULTILINE
)
_VUE_STYLE = re.compile(r"^<style\b[^>\n]*\bscoped\b", re.MULTILINE)
_VUE_TEMPLATE = re.compile(r"^<template(?: lang=[^>\n]*)?>", re.MULTILINE)
_SVELTE = re.compile(
    r"(?<!\{)\{(?:#(?:if|each|await|key|snippet)\b|@(?:html|render)\b)"
    r"|<svelte:[a-z]+\b|\s(?:on|bind|class|use|transition):[a-z]+(?:\|[a-zA-Z]+)*=\{"
)
# What says Svelte beside a script tag, and elsewhere may be any script's.
_SVELTE_CODE = re.compile(
    r"\$(?:state|derived|props|effect)\(|^[ \t]*(?:export let \w|\$: |export \{ \w+ as class \})", re.MULTILINE
)
_SVELTE_SCRIPT = re.compile(r"<script\b[^>\n]*>", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:[\s\ufeff\u200b\u00a0]++|<!--(?:(?!-->).){0,2000}-->|<\?xml[^>]{0,200}\?>|//[^\n]*|/\*(?:(?!\*/).){0,4000}\*/)+",
    re.DOTALL,
)
# A statement that calls something, as a script beside a page begins.
_CALL = re.compile(
    r"(?:document|window|\$|console|setTimeout|setInterval|addEventListener|\(function|\(\(\)|[\w$]+(?:\.[\w$]+)+(?=\())(?:[.(]|\s?\()"
)
_FRONTMATTER = re.compile(r"---[ \t]*\n(?:(?!---)[^\n]*\n){0,200}---[ \t]*\n")
_ASTRO = re.compile(r"\bAstro\.|^[ \t]*import\s[^\n]*['\"];?[ \t]*$|^[ \t]*(?:const|let|interface)\s", re.MULTILINE)
# How much of a text is looked at to say what it is: its first lines, never all of it.
_HEAD = 6_000
# How a text begins that may go on as one of the marks above, for a text that was cut within its first line.
_BEGUN = re.compile(r"<!?[\w-]*$|(?:import|export|const|function|let|var|['\"]use\b)[^\n]{0,80}$", re.IGNORECASE)


def after_comments(text: str, start: int = 0) -> int:
    """Where the first thing begins that is no blank, comment or XML declaration."""
    found = _LEADING.match(text, start, min(len(text), start + _HEAD))
    return found.end() if found else start


def begins_document(text: str, start: int = 0) -> bool:
    """Whether an HTML document begins, comments aside."""
    return DOCUMENT.match(text, after_comments(text, start)) is not None


def begins_module(text: str, start: int = 0) -> bool:
    """Whether a script's first statement begins, comments aside."""
    return MODULE.match(text, after_comments(text, start)) is not None


def begins_markup(text: str, start: int = 0) -> bool:
    """Whether a tag begins, comments aside."""
    return TAG_AT_START.match(text, after_comments(text, start)) is not None


def begins_css(text: str, start: int = 0) -> bool:
    """Whether a style sheet's first rule begins, comments aside."""
    return CSS.match(text, after_comments(text, start)) is not None


def begins_script(text: str, start: int = 0) -> bool:
    """Whether a script begins that belongs to a page: a module, or a call of something."""
    return begins_module(text, start) or _CALL.match(text, after_comments(text, start)) is not None


def begins_code(text: str, start: int = 0) -> bool:
    """Whether any of these begins."""
    start = after_comments(text, start)
    marks = (DOCUMENT, MODULE, TAG_AT_START, CSS, _CALL)
    return any(mark.match(text, start) for mark in marks) or _FRONTMATTER.match(text, start, start + _HEAD) is not None


def begun(text: str) -> bool:
    """Whether a short text may be the very beginning of code."""
    return len(text) < 200 and _BEGUN.match(text.strip(BLANK)) is not None


def is_component(code: str) -> Language | None:
    """Vue, Svelte or Astro, for a single-file component of theirs."""
    if _begins_astro(code):
        return Language.ASTRO
    if DOCUMENT.search(code):
        return None
    if _VUE_TEMPLATE.search(code) and (_VUE.search(code) or _VUE_STYLE.search(code)):
        return Language.VUE
    if _SVELTE.search(code) or (_SVELTE_CODE.search(code) and _SVELTE_SCRIPT.search(code)):
        return Language.SVELTE
    return None


def _begins_astro(code: str) -> bool:
    start = len(code) - len(code.lstrip(BLANK))
    front = _FRONTMATTER.match(code, start, start + _HEAD)
    if not front:
        return False
    body = after_comments(code, front.end())
    return (code.startswith("{", body) or TAG_AT_START.match(code, body) is not None) and (
        _ASTRO.search(front[0]) is not None or not re.search(r"^\w+:", front[0], re.MULTILINE)
    )


def has_tags(code: str) -> bool:
    """Whether a script holds JSX, or HTML in its strings."""
    return _IN_SCRIPT.search(code) is not None


def begins_element(code: str) -> bool:
    """Whether a component's first element begins, whether it ends or not."""
    return _RETURNED.search(code) is not None


def has_markup(code: str) -> bool:
    """Whether a script holds JSX."""
    return has_tags(code) and _IN_EXPRESSION.search(code) is not None


def detect_language(code: str, word: str = "") -> str:
    """The language of UI code whose fence names `word`; what the code begins with outweighs the fence.

    >>> detect_language("<p class='x'>"), detect_language("<!doctype html><p>", "jsx")
    (<Language.HTML: 'html'>, <Language.HTML: 'html'>)
    >>> detect_language("export default () => <p/>", "html"), detect_language("<p className='x' />")
    (<Language.TSX: 'tsx'>, <Language.TSX: 'tsx'>)
    """
    return language_of(code, Hint(word)) or Language.HTML


def language_of(code: str, hint: Hint) -> str | None:
    """The language of code; None where it looks like nothing that belongs to a page."""
    named = hint.language
    if begins_document(code):
        # A template language's component may begin with a whole document.
        return named.name if named and named.certain and named.is_page else Language.HTML
    if named is not None and named.certain:
        return named.name
    if named is None or named.role is Role.DOCUMENT:
        component = is_component(code)
        if component is not None:
            return component
        if begins_module(code):
            return Language.TSX if has_markup(code) or named else Language.TS
    if named is not None:
        return named.with_markup if named.with_markup and has_markup(code) else named.name
    if begins_markup(code):
        return Language.TSX if _JSX.search(code) else Language.HTML
    if begins_css(code):
        return Language.CSS
    if TAG.search(code):
        return Language.TSX if _JSX.search(code) else Language.HTML
    return Language.JS if _CALL.match(code, after_comments(code)) else None
