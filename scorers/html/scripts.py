"""The scripts of a page: whether they parse, and what they hold.

Three kinds are read, by the `type` of the start tag (in any case, without parameters):

React (`text/babel`, `text/jsx`, `text/tsx`, `text/typescript` and their kin): read as TSX. It is the page itself, so
its issues make the page invalid, and its tags and class names are the page's.

Plain scripts and modules (no `type`, a JavaScript type, `module`): V8 says whether they compile. One that does not is a
script error; the outcome stays the markup's, because browsers show the page without the script. Class names and HTML
that scripts write are read from their literals and count where they are utilities. The attributes of event handlers
(`onclick`) are checked likewise, as the function's body that they are.

Templates (`text/x-template`) are markup that a script may put on the page: class names and colors are read, and nothing
is judged. Everything else (JSON, import maps, shaders) is data, and what has a `src` has no code of its own. A script
that the end of the text cuts off is read and not judged: its end is missing anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scorers.contents import Contents
from scorers.html.read import EventHandler, HtmlPage, Script, read_markup
from scorers.jsx.check import verdict_of
from scorers.jsx.engine import SourceKind, SourceReading, read_source, refused_handlers
from scorers.jsx.read import contents_of
from scorers.position import Lines, Position, shown
from scorers.verdict import MAX_ISSUES, SyntaxIssue, SyntaxVerdict, as_script_errors

# https://mimesniff.spec.whatwg.org/#javascript-mime-type
_PLAIN = frozenset(
    f"{space}/{name}"
    for space in ("text", "application")
    for name in ("javascript", "ecmascript", "x-javascript", "x-ecmascript", "jscript", "livescript")
) | {f"text/javascript1.{n}" for n in range(6)}
_REACT = frozenset(
    f"{space}/{name}"
    for space in ("text", "application")
    for name in ("babel", "jsx", "tsx", "typescript", "ts", "x-typescript", "typescript-jsx", "typescript-babel")
)
# `text/x-template` is Vue's, `text/ng-template` Angular's; handlebars, mustache and lodash have their own.
_TEMPLATE = re.compile(r"(?:text|application)/(?:[a-z.-]{0,20}template|(?:x-)?(?:handlebars|mustache|html))")
# Far above what a page holds; each script is a question to the engine.
MAX_SCRIPTS = 500
_MAX_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Scripts:
    """What the scripts of a page add to it: the verdict on them (`issues` are those of React), and what they hold."""

    verdict: SyntaxVerdict
    contents: tuple[Contents, ...]


def read_scripts(code: str, page: HtmlPage) -> Scripts:
    """Judges and reads the scripts of a page. Never raises.

    >>> from scorers.html.read import read_page
    >>> code = "<script type='text/babel'>const a = <b className='p-4'>c</i></script>\\n<script>f(</script>"
    >>> found = read_scripts(code, read_page(code))
    >>> [(i.code, i.position.column) for i in found.verdict.issues], found.contents[0].class_names
    ([('mismatched_tag', 37)], ('p-4',))
    >>> [(i.code, i.position.line) for i in found.verdict.script_errors], found.verdict.scripts
    ([('script-error', 2)], 1)
    """
    known = [(script, kind) for script in page.scripts if (kind := kind_of(script)) is not None]
    read = [(script, kind, read_source(script.text, kind)) for script, kind in known[:MAX_SCRIPTS]]
    lines = Lines(code)
    react = SyntaxVerdict((), early_errors=None)
    plain: list[SyntaxIssue] = []
    for script, kind, source in read:
        if script.closed:
            verdict = _placed(verdict_of(script.text, source), lines.position(script.offset))
            react = _with(react, verdict if kind is SourceKind.TSX else replace(verdict, issues=(), soft=0))
            plain += as_script_errors(verdict.issues) if kind is not SourceKind.TSX else ()
    plain += _handlers(page.handlers)
    if len(known) > MAX_SCRIPTS:
        at = lines.position(known[MAX_SCRIPTS][0].offset)
        plain.append(
            SyntaxIssue("script-too_large", at, "the page has more scripts than are read; this one and later are not")
        )
    counted = sum(script.closed and kind is not SourceKind.TSX for script, kind, _ in read) + len(page.handlers)
    errors = tuple(sorted(plain, key=lambda i: (i.position.line, i.position.column))[:MAX_ISSUES])
    return Scripts(
        replace(react, scripts=counted, script_errors=errors),
        (*(_contents(kind, source) for _, kind, source in read), *_templates(page.scripts)),
    )


def kind_of(script: Script) -> SourceKind | None:
    """What a script is read as; None for data, and where the code lies elsewhere.

    >>> [kind_of(Script("", 0, {"type": t}, True)) for t in ("", "Module", "text/Babel; v=1", "application/ld+json")]
    [<SourceKind.SCRIPT: 'script'>, <SourceKind.MODULE: 'module'>, <SourceKind.TSX: 'tsx'>, None]
    """
    if "src" in script.attributes:
        return None
    written = script.attributes.get("type")
    if written is None and (language := script.attributes.get("language")):
        written = f"text/{language}"
    name = (written or "").partition(";")[0].strip().lower()
    if name in _REACT:
        return SourceKind.TSX
    if name == "module":
        return SourceKind.MODULE
    return SourceKind.SCRIPT if not name or name in _PLAIN else None


def _contents(kind: SourceKind, source: SourceReading) -> Contents:
    """What a script holds; of class names that a plain script sets, those count that are utilities."""
    found = contents_of(source)
    if kind is SourceKind.TSX:
        return found
    return replace(found, class_names=(), loose_names=(*found.class_names, *found.loose_names))


def _templates(scripts: Sequence[Script]) -> Iterator[Contents]:
    """What templates hold that stand in scripts: HTML with holes, of which class names count that are utilities."""
    texts = [script.text for script in scripts if _TEMPLATE.fullmatch((script.attributes.get("type") or "").lower())]
    if texts:
        found = read_markup(texts)
        yield replace(found, class_names=(), loose_names=found.class_names)


def _placed(verdict: SyntaxVerdict, origin: Position) -> SyntaxVerdict:
    """A verdict on a script, with its places on the page."""

    def moved(issues: Sequence[SyntaxIssue]) -> Iterator[SyntaxIssue]:
        return (issue.moved(lambda place: place.inside(origin)) for issue in issues)

    early = None if verdict.early_errors is None else tuple(moved(verdict.early_errors))
    return replace(verdict, issues=tuple(moved(verdict.issues)), early_errors=early)


def _with(one: SyntaxVerdict, other: SyntaxVerdict) -> SyntaxVerdict:
    looked = [verdict.early_errors for verdict in (one, other) if verdict.early_errors is not None]
    return SyntaxVerdict(
        (*one.issues, *other.issues)[:MAX_ISSUES],
        one.soft + other.soft,
        early_errors=tuple(issue for issues in looked for issue in issues)[:MAX_ISSUES] if looked else None,
    )


def _handlers(handlers: Sequence[EventHandler]) -> Iterator[SyntaxIssue]:
    if not handlers:
        return
    for index, message in refused_handlers([handler.code for handler in handlers]):
        handler = handlers[index]
        text = f"`{shown(handler.name)}` of this tag does not parse: {shown(message, _MAX_MESSAGE)}"
        yield SyntaxIssue("script-handler", Position(handler.line, handler.column), text)
