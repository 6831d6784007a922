"""What HTML says about its elements: which are void, which end by themselves, which bound a scope.

The lists are those of https://html.spec.whatwg.org/multipage/parsing.html.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VOID = _names("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
OPTIONAL_END = _names(
    "li p dt dd option optgroup tr td th thead tbody tfoot caption colgroup rb rp rt rtc html head body"
)
IMPLIED_END = _names("dd dt li optgroup option p rb rp rt rtc")
# A tokenizer reads these as text up to their end tag, wherever they stand; `noscript` only where scripts run.
RAW_TEXT = _names("script style textarea title iframe noembed noframes noscript xmp plaintext")
HEADINGS = _names("h1 h2 h3 h4 h5 h6")
SKELETON = _names("html head body")
HEAD_VOID = _names("base basefont bgsound link meta")
HEAD_CONTENT = HEAD_VOID | _names("title noframes style script template")
NOSCRIPT_HEAD_CONTENT = _names("basefont bgsound link meta noframes style")

ROW_GROUPS = _names("tbody thead tfoot")
CELLS = _names("td th")
TABLE_PARTS = ROW_GROUPS | CELLS | _names("caption colgroup col tr")
# What a table may hold without its being moved out of the table.
TABLE_HEAD_CONTENT = _names("style script template")

# Start tags that end an open paragraph, and whose end tag closes what is open inside only with an error.
BLOCKS = _names(
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header hgroup "
    "main menu nav ol search section summary ul pre listing"
)
FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")
# Elements whose contents start a new list of formatting elements.
_MARKERS = _names("applet object marquee template td th caption")
MARKED = _names("applet marquee object")

_SCOPE = _names("applet caption html table td th marquee object select template")
# Elements of SVG and MathML are named with their language.
MATH_TEXT = frozenset(f"math {name}" for name in ("mi", "mo", "mn", "ms", "mtext"))
SVG_INTEGRATION = _names("foreignobject desc title")
_FOREIGN_SPECIAL = MATH_TEXT | {"math annotation-xml"} | frozenset(f"svg {name}" for name in SVG_INTEGRATION)
_SPECIAL = (
    BLOCKS
    | HEADINGS
    | VOID
    | RAW_TEXT
    | SKELETON
    | TABLE_PARTS
    | MARKED
    | _names("button dd dt form frameset image li p select table template")
) - {"dialog"}

# HTML elements that break out of svg and math ("any other start tag" in foreign content excepted).
BREAKOUT = _names(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    "nobr ol p pre ruby s small span strong strike sub sup table tt u ul var"
)
BREAKOUT_FONT_ATTRIBUTES = _names("color face size")

# Kinds of elements among which the topmost open one is asked for. Names with `#` cannot be those of elements.
SCOPE, LIST_SCOPE, BUTTON_SCOPE, TABLE_SCOPE = "#scope", "#list-scope", "#button-scope", "#table-scope"
SPECIAL, STOPPER, HEADING, MARKER, MODE, HTML = "#special", "#stopper", "#heading", "#marker", "#mode", "#html"
BODY_CONTEXT, ROW_CONTEXT = "#table-body", "#table-row"

_KINDS = {
    SCOPE: _SCOPE | _FOREIGN_SPECIAL,
    LIST_SCOPE: _SCOPE | _FOREIGN_SPECIAL | {"ol", "ul"},
    BUTTON_SCOPE: _SCOPE | _FOREIGN_SPECIAL | {"button"},
    TABLE_SCOPE: _names("html table template"),
    BODY_CONTEXT: ROW_GROUPS | {"template"},
    ROW_CONTEXT: _names("tr template"),
    SPECIAL: _SPECIAL | _FOREIGN_SPECIAL,
    STOPPER: (_SPECIAL | _FOREIGN_SPECIAL) - _names("address div p"),
    HEADING: HEADINGS,
    MARKER: _MARKERS,
    MODE: CELLS | ROW_GROUPS | _names("tr caption colgroup table template"),
}


def _kinds_of(name: str) -> tuple[str, ...]:
    kinds = [kind for kind, names in _KINDS.items() if name in names]
    return (name, *kinds) if " " in name else (name, *kinds, HTML)


_KNOWN = {name: _kinds_of(name) for names in _KINDS.values() for name in names}


def kinds(key: str) -> tuple[str, ...]:
    """The name of an element and the kinds it belongs to; elements of SVG and MathML are called `svg path`.

    >>> kinds("span"), kinds("svg path"), "#table-scope" in kinds("table")
    (('span', '#html'), ('svg path',), True)
    """
    known = _KNOWN.get(key)
    if known is not None:
        return known
    return (key,) if " " in key else (key, HTML)
