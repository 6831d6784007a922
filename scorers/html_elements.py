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
RAW_TEXT = _names("script style textarea title iframe noembed noframes noscript xmp plaintext")
HEADINGS = _names("h1 h2 h3 h4 h5 h6")
SKELETON = frozenset(("html", "head", "body"))

# A start tag of the key closes the open elements of the value, as far as only optional end tags lie between.
_ROW_PARTS = frozenset(("tr", "td", "th", "caption", "colgroup"))
IMPLIES_END = {
    "li": frozenset(("li",)),
    "dt": frozenset(("dt", "dd")),
    "dd": frozenset(("dt", "dd")),
    "option": frozenset(("option",)),
    "optgroup": frozenset(("option", "optgroup")),
    "td": frozenset(("td", "th")),
    "th": frozenset(("td", "th")),
    "tr": _ROW_PARTS,
    # `rtc` closes an open one too, so that no pile of optional ends grows that each new tag would search again.
    **dict.fromkeys(("rb", "rtc"), frozenset(("rb", "rt", "rp", "rtc"))),
    **dict.fromkeys(("rp", "rt"), frozenset(("rb", "rt", "rp"))),
    **dict.fromkeys(("caption", "colgroup"), frozenset(("caption", "colgroup"))),
    "body": frozenset(("head",)),
    **dict.fromkeys(("thead", "tbody", "tfoot"), _ROW_PARTS | {"thead", "tbody", "tfoot"}),
}
CLOSES_P = HEADINGS | _names(
    "address article aside blockquote center details dialog dir div dl dd dt fieldset figcaption figure footer form "
    "header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul xmp"
)
# Inside these, an open `p` or `button` outside does not count ("has an element in button scope").
SCOPE = _names("applet caption html table td th marquee object template")
MATH_TEXT = _names("mi mo mn ms mtext annotation-xml")
INTEGRATION = MATH_TEXT | {"foreignobject", "desc", "title"}
# HTML elements that break out of svg and math ("any other start tag" in foreign content excepted).
BREAKOUT = _names(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    "nobr ol p pre ruby s small span strong strike sub sup table tt u ul var"
)
# None of these may stand inside another of its kind.
EXCLUSIVE = frozenset(("a", "button", "form"))
