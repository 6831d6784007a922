"""The proof of validity claims nothing that the rules of the standard would not say."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from scorers.html.check import check_by_rules, check_html
from scorers.html.elements import VOID
from scorers.html.fast_path import is_ordinary
from tests.agreement import corpus
from tests.agreement.html_mutations import MUTATIONS, random_edit

_NAMES = """
html head body div p span a b h1 h2 ul ol li dl dt dd table tr td th tbody thead caption colgroup col select option
optgroup datalist form button input br hr img svg path g title style script textarea iframe template noscript nobr label
math mi foreignobject desc object ruby rt my-x pre meta link frameset frame image font section menu summary plaintext
xmp applet marquee selectedcontent
"""
_USUAL = "div p span a b h1 h2 ul ol dl table select form button input br img svg textarea style template pre"
_CHILDREN = {
    "html": "head body",
    "head": "meta link title style script",
    **dict.fromkeys(("ul", "ol", "menu"), "li"),
    "dl": "dt dd",
    "table": "tr tbody thead caption colgroup",
    **dict.fromkeys(("tbody", "thead"), "tr"),
    "tr": "td th",
    "colgroup": "col",
    "select": "option optgroup",
    "optgroup": "option",
    **dict.fromkeys(("svg", "g"), "path g svg a template"),
}
_BETWEEN = ("x", "\n", "<!--c-->", "1 < 2", "&amp;", "<!doctype html>", "<![CDATA[<a>]]>", "<?a?>", "</>", "\xa0", "<3")
_ATTRIBUTES = (" a=1 a=2", " a='b'c=d", ' a"=1', "/", " <", " size=1")


def _markup(chance: random.Random, parent: str, depth: int = 0) -> str:
    """Elements inside one another: mostly where they may stand, now and then where they may not, or not closed."""
    parts = []
    for _ in range(chance.randint(0, 3) if depth < 6 else 0):
        odd = chance.random()
        name = chance.choice((_NAMES if odd < 0.06 else _CHILDREN.get(parent, _USUAL)).split())
        attribute = chance.choice(_ATTRIBUTES) if chance.random() < 0.04 else ""
        parts.append(f"<{name}{attribute}>")
        if name not in VOID:
            parts.append(_markup(chance, name, depth + 1))
            parts.append(
                "" if chance.random() < 0.02 else f"</{chance.choice(_NAMES.split()) if odd > 0.99 else name}>"
            )
        parts.append(chance.choice(_BETWEEN) if chance.random() < 0.1 else "")
    return "".join(parts)


def _document(chance: random.Random) -> str:
    return (
        f"<!doctype html><html><head>{_markup(chance, 'head', 4)}</head><body>{_markup(chance, 'body')}</body></html>"
    )


def _edited(chance: random.Random) -> str:
    return random_edit(corpus.page(chance.randrange(300)), chance)


def _mutated(chance: random.Random) -> str:
    return chance.choice(list(MUTATIONS.values()))(corpus.fragment(chance.randrange(300)), chance) or ""


@pytest.mark.parametrize(
    ("make", "count", "least"),
    [
        (lambda chance: corpus.page(chance.randrange(10**6)), 100, 3),
        (lambda chance: corpus.fragment(chance.randrange(10**6)), 100, 20),
        (_mutated, 300, 20),
        (_edited, 100, 1),
        (lambda chance: _markup(chance, "body"), 4000, 1000),
        (lambda chance: _markup(chance, "html"), 2000, 300),
        (_document, 3000, 900),
    ],
    ids=["pages", "fragments", "mutated", "edited", "markup", "skeletons", "documents"],
)
def test_the_verdict_is_that_of_the_rules(make: Callable[[random.Random], str], count: int, least: int) -> None:
    codes = [make(random.Random(f"ordinary {seed}")) for seed in range(count)]
    for code in codes:
        assert check_html(code) == check_by_rules(code), code
    # Otherwise the rules would be compared with themselves.
    assert sum(map(is_ordinary, codes)) >= least


@pytest.mark.parametrize(
    "code",
    [
        "<html><head></head><head></head><body></body></html>",
        "<html><head></head><body></body><body></body></html>",
        "<html><body></body><head></head></html>",
        "<svg><![CDATA[ > <g> ]]></g></svg>",
        "<select><select></select></select>",
    ],
)
def test_what_only_the_rules_find_is_left_to_them(code: str) -> None:
    assert not is_ordinary(code)
    assert not check_html(code).valid


def test_a_page_as_most_are_written_is_ordinary() -> None:
    assert is_ordinary(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>a</title><script src=a></script></head>\n"
        "<body><!-- b --><nav><ul><li><a href=c>d</a></li></ul></nav><p>e<br/>f <b>g</b></p><svg><path d=h /></svg>\n"
        "<table><thead><tr><th>i</th></tr></thead><tr><td>j</td></tr></table><form><label>k<input></label><select>\n"
        "<option>l</option></select><textarea><p></textarea></form><template><p>m</p></template></body></html>\n"
    )
