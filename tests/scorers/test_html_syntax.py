"""What counts as HTML that parses: each kind of broken, fine and soft."""

import pytest

from scorers.html.check import MAX_DEPTH, check_html
from scorers.verdict import MAX_ISSUES

PAGE = "<!doctype html>\n<html><head><title>t</title></head><body>{}</body></html>"

BROKEN = {
    "end tag without open element": ("<div></div></div>", "stray-end-tag"),
    "typo in an end tag": ("<div><span>a</sapn></div>", "stray-end-tag"),
    "end tag over an open element": ("<section><div>a</section>", "unclosed"),
    "misnested": ("<b><i>a</b></i>", "unclosed"),
    "never closed": ("<div><p>a</p>", "unclosed"),
    "p closed by a block inside an inline element": ("<p><span>a<div>b</div></span></p>", "unclosed"),
    "list item with an unclosed div": ("<ul><li><div>a<li>b</ul>", "unclosed"),
    "second end of a list item": ("<ul><li>a<li>b</li></li></ul>", "stray-end-tag"),
    "void element with end tag": ("<br></br>", "void-end-tag"),
    "input with end tag": ("<input></input>", "void-end-tag"),
    "self-closing div": ("<div />", "non-void-html-element-start-tag-with-trailing-solidus"),
    "self-closing custom element": ("<my-icon />", "non-void-html-element-start-tag-with-trailing-solidus"),
    "nested a": ("<a href='#'>a<span><a href='#'>b</a></span></a>", "nested"),
    "nested button": ("<button><button>b</button></button>", "nested"),
    "nested form": ("<form><div><form></form></div></form>", "nested"),
    "nested heading": ("<h1>a<h2>b</h2></h1>", "nested"),
    "unclosed quote": ('<p class="a>b</p>\n<p class="c">d</p>', "unexpected-character-in-attribute-name"),
    "missing >": ("<div <p>a</p></div>", "unexpected-character-in-attribute-name"),
    "quote in an attribute name": ("<a href='#'\">b</a>", "unexpected-character-in-attribute-name"),
    "end inside a tag": ("<p>a</p><div clas", "eof-in-tag"),
    "end inside an end tag": ("<p>a</p", "eof-in-tag"),
    "end inside an attribute value": ('<p class="a', "eof-in-tag"),
    "end inside a comment": ("<p>a</p><!-- b", "eof-in-comment"),
    "end inside a script": ("<p>a</p><script>if (a", "unclosed"),
    "end inside a style": ("<style>a{", "unclosed"),
    "end inside a textarea": ("<textarea>a", "unclosed"),
    "end inside a title": ("<title>a", "unclosed"),
    "two bodies": ("<html><body><p>a</p></body><body></body></html>", "duplicate"),
    "two heads": ("<html><head></head><head></head><body></body></html>", "duplicate"),
    "two ends of the body": ("<body></body></body>", "duplicate"),
    "div in svg": ("<svg><div></div></svg>", "foreign-breakout"),
    "unclosed path": ("<svg><path d=''></svg>", "unclosed"),
    "noscript in the head with a picture": (
        "<head><noscript><img src=a></noscript></head><body></body>",
        "nested",
    ),
    "tags in noscript": ("<p>a<noscript><div></noscript>", "unclosed"),
    "tags in a title of svg": ("<svg><title><b></title></svg>", "unclosed"),
    "nested select": ("<select><select></select></select>", "nested"),
    "input in select": ("<select><input></select>", "nested"),
    "div open in an option": ("<select><option><div>a</option></select>", "unclosed"),
    "element between table and cells": ("<table><div>a</div><tr><td>b</td></tr></table>", "foster-parented"),
    "form between table and cells": ("<table><form><tr><td>a</td></tr></form></table>", "foster-parented"),
    "cell outside of a table": ("<div><td>a</td></div>", "stray-start-tag"),
    "table in a table": ("<table><table></table></table>", "nested"),
    "open in a cell": ("<table><tr><td><b>a</td></tr></table>", "unclosed"),
    "open in a template": ("<template><div></template>", "unclosed"),
    "inline end over a paragraph": ("<span><p>a</span>", "misnested"),
    "label end over a paragraph": ("<label><p>a</label>", "misnested"),
    "heading with another end tag": ("<h1>a</h2>", "misnested"),
    "end of the head after content": ("<head><div></div></head>", "stray-end-tag"),
    "body after content": ("<html><head></head><div></div><body></body></html>", "duplicate"),
    "head after the body": ("<p>a</p><head></head>", "duplicate"),
    "html twice": ("<!doctype html><html><html></html>", "duplicate"),
    "row of a page without table": ("<!doctype html><tr><td>a</td></tr>", "stray-start-tag"),
    "open at the end of the body": ("<body><div></body>", "unclosed"),
}

FINE = {
    "void elements without slash": "<meta charset=utf-8><img src=a><br><input><hr><link href=a>",
    "void elements with slash": "<img src='a' /><br/><input />",
    "list items": "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>",
    "paragraphs": "<p>a<p>b<div>c</div>",
    "tables": "<table><caption>a<thead><tr><th>a<th>b<tbody><tr><td>c<td>d<tr><td>e</table>",
    "definition lists": "<dl><dt>a<dd>b<dt>c<dd>d</dl>",
    "options": "<select><optgroup label=a><option>a<option>b<optgroup label=b><option>c</select>",
    "ruby": "<ruby>a<rp>(<rt>b<rp>)</ruby>",
    "nested lists closed": "<ul><li><ul><li>a</li></ul></li></ul>",
    "page without body tags": "<!doctype html><title>t</title><p>a",
    "head with only its end tag": "<!doctype html><html><title>t</title></head><body></body></html>",
    "svg": "<svg viewBox='0 0 1 1'><linearGradient id=a><stop/></linearGradient><path d=''/></svg>",
    "self-closing svg": "<div><svg class='a'/></div>",
    "html in svg": "<svg><foreignObject><div><p>a</div></foreignObject></svg>",
    "svg with title": "<svg><title>a</title><path/></svg>",
    "math": "<math><mi>x</mi><mo>=</mo></math>",
    "custom element": "<my-card><slot></slot></my-card>",
    "alpine": "<div x-data='{a: 1}' @click.away='b' :class=\"{'c': d}\" x-on:keydown.escape='e'></div>",
    "htmx": "<button hx-post='/a' hx-target='#b'>c</button>",
    "unquoted values": "<a href=/b class=c>d</a>",
    "ampersands": "<p>a & b &foo; c && d</p>",
    "tags in scripts": "<script>const a = '<div>' + (b < c)</script>",
    "tags in comments": "<!-- <div> --><p>a</p>",
    "a in a table in a": "<a><table><tr><td><a>b</a></td></tr></table></a>",
    "paragraph in a button in a paragraph": "<p>a<button><p>b</p></button></p>",
    "template": "<template><li>a</li></template>",
    "upper case": "<DIV><P>a</P></DIV>",
    "rows without a page": "<tr><td>a</td><td>b<tr><td>c",
    "column group without a page": "<colgroup><col></colgroup><tbody><tr><th>a</tbody>",
    "rich select": "<select><button><selectedcontent></selectedcontent></button><option><b>a</b><hr><option>c</select>",
    "svg elements with empty raw text": "<svg><title/><style/><path/></svg><p>a</p>",
    "character data": "<svg><style><![CDATA[ a < b > <c> ]]></style><desc><![CDATA[<d>]]></desc></svg>",
    "math with html": "<math><mi><b>a</b></mi><annotation-xml encoding='text/html'><p>b</p></annotation-xml></math>",
    "noscript of a page": "<head><noscript><link href=a></noscript></head><body><noscript><p>a</p></noscript>",
    "table in a cell": "<table><tr><td><table><td>a</table><th>b</table>",
    "optional ends of a page": "<html><head><title>t</title><body><table><colgroup><col><tr><td>a</table>",
    "content after the body": "<body></body><script></script></html>",
}

SOFT = {
    "block in a paragraph": ("<p>a<div>b</div></p>", 1),
    "end of no paragraph": ("<div>a</p></div>", 1),
    "duplicate attribute": ("<p class=a class=b>c</p>", 1),
    "text in a table": ("<table>a<tr><td>b</table>", 1),
    "void element in a table": ("<table><tr><td>b</td></tr><br></table>", 1),
    "cell without a row": ("<table><td>b</table>", 1),
    "link between head and body": ("<html><head></head><link href=a><body></body></html>", 1),
    "bare <": ("<p>1 < 2, <3</p>", 2),
    "no space between attributes": ("<p class='a'id='b'>c</p>", 1),
}


@pytest.mark.parametrize(("code", "kind"), BROKEN.values(), ids=BROKEN)
def test_broken_html_is_an_issue_of_its_kind(code: str, kind: str) -> None:
    assert kind in [issue.code for issue in check_html(code).issues]


@pytest.mark.parametrize("code", FINE.values(), ids=FINE)
def test_html_that_parses_as_written_has_no_issue(code: str) -> None:
    assert check_html(code).issues == ()


@pytest.mark.parametrize(("code", "count"), SOFT.values(), ids=SOFT)
def test_what_browsers_forgive_is_counted_and_does_not_fail(code: str, count: int) -> None:
    verdict = check_html(code)
    assert (verdict.valid, verdict.soft) == (True, count)


@pytest.mark.parametrize("code", [code for name, code in FINE.items() if "page" not in name and "body" not in name])
def test_a_fragment_is_judged_the_same_inside_a_page(code: str) -> None:
    if "<meta" not in code and "</head>" not in code:
        assert check_html(PAGE.format(code)).issues == ()


def test_a_page_without_its_closers_is_broken() -> None:
    page = PAGE.format("<main><div>a</div></main>")
    for closer in ("</main>", "</div>", "</title>"):
        assert not check_html(page.replace(closer, "")).valid, closer
    assert check_html(page).valid


def test_issues_say_where_the_element_was_opened() -> None:
    issues = check_html("<main>\n  <p>é😀<b>x</p>\n</main>").issues
    assert [(i.position.line, i.position.column, i.message) for i in issues] == [
        (2, 8, "`<b>` opened here is not closed before `</p>` at line 2")
    ]


@pytest.mark.parametrize(
    "code",
    [
        "<b><i>a</b></i>",
        "<section><div>a</section></div>",
        "<ul><li><span><div>a</span></div></li></ul>",
        "<div /><p>a</p>",
        "<div/>a</div>",
        "<svg><desc><div></desc></svg>",
        "<a>x<a>y</a></a>",
        "<form><form></form></form>",
        "<table><form><tr><td>a</td></tr></form></table>",
        "<h1>a<h2>b</h2></h1>",
        "<head><noscript><img src=a></noscript></head><body></body>",
    ],
)
def test_one_mistake_is_one_issue(code: str) -> None:
    assert len(check_html(code).issues) == 1


def test_messages_name_the_place_of_the_opening_tag() -> None:
    code = "<div>\n <a>b\n  <a>c</a></a>\n<h1>d</h2>\n<table><td></div></table></div>"
    assert [(i.position.line, i.message) for i in check_html(code).issues] == [
        (3, "`<a>` opens inside the `<a>` opened at line 2, column 2"),
        (4, "`</h2>` closes the `<h1>` opened at line 4, column 1"),
        (
            5,
            "`</div>` cannot close the `<div>` opened at line 1, column 1: it stands inside the `<td>` opened at line "
            "5, column 8",
        ),
    ]


def test_the_end_of_the_text_is_placed_where_it_is() -> None:
    issues = check_html("<p>\n</p>\nab <div clas").issues
    assert [(i.code, i.position.line, i.position.column) for i in issues] == [("eof-in-tag", 3, 13)]


def test_one_mistake_in_the_skeleton_is_reported_once() -> None:
    assert len(check_html(PAGE.format("<div>")).issues) == 1


def test_issues_and_depth_are_bounded() -> None:
    assert len(check_html("</b>" * 10_000).issues) == MAX_ISSUES
    assert "too-deep" in [i.code for i in check_html("<div>" * (MAX_DEPTH + 2)).issues]
    assert check_html("<div>" * 500 + "</div>" * 500).valid
