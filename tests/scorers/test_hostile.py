"""Whatever a model writes, it gets an outcome: huge, deep, cut, binary, and made to keep a parser busy.

Time is not asserted; each test ends within the suite's timeout only if the work grows with the text and not faster.
"""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers import Completion, Language, Outcome, Sample, score_sample
from scorers.html.check import MAX_PIECE, check_html
from scorers.scoring import MAX_ERRORS
from scorers.verdict import MAX_ISSUES

SIZE = 100_000
MEGABYTE = 1_000_000


def _fill(piece: str, size: int = SIZE) -> str:
    return piece * (size // len(piece) + 1)


def _numbered(piece: str, count: int) -> str:
    return "".join(piece.format(n) for n in range(count))


REPEATED = {
    "open tags": "<div>",
    "open names never seen before": "",
    "stray end tags": "</b>",
    "paragraphs with formatting left open": "<p><b>",
    "list items": "<li><br>",
    "definitions": "<dd><span>",
    "tables": "<table><tr><td>",
    "misplaced in a table": "<table><br>a",
    "selects": "<select><option>",
    "links": "<a href=x>",
    "templates": "<template>",
    "raw text in svg": "<svg><style/>",
    "titles in svg": "<svg><title/></svg>",
    "noscript": "<noscript><p>a</p></noscript>",
    "character data": "<svg><![CDATA[]]>",
    "open character data": "<![CDATA[>",
    "character data with tags": '<![CDATA[><b a="]]>">',
    "bogus comments": "<!a><?b>",
    "attributes": "a=b c ",
    "attributes of an end tag": "</a b ",
    "event handlers": '<p onclick="a(">',
    "scripts": "<script>a</script>",
    "React scripts": "<script type=text/babel>a</script>",
    "unclosed quotes": '<p class="a>',
    "comments": "<!--",
    "documents": "<!doctype html><html></html>\n",
    "fences": "```html\n<p>\n```\n",
    "open fences": "```\n",
    "thoughts": "<think>\n</think>\n",
    "ends of thoughts": "</think>",
    "names of thoughts": " <think>",
    "inline code": "`<p>` ",
    "less than": "<",
    "imports": "import a ",
    "line ends": "\n",
    "blanks": " ",
    "NUL": "\0",
    "lone surrogates": "\ud800\udfff",
    "marks of direction": "\u202e\u200f",
    "carriage returns": "\r",
    "braces": "{",
    "brackets": "[",
    "parentheses": "(",
    "template literals": "`${",
}
STARTS = {
    "text": "",
    "paragraph": "<p>",
    "attribute": '<p class="',
    "style": "<style>",
    "script": "<script>tailwind.config = ",
    "bound class": "<p :class=\"'a' + ",
    "deep": "<div>" * 4_000,
    "svg": "<p><svg>",
    "table": "<table>",
    "component": "export default () => <p>",
    "function": "function",
    "single-file component": "<template>\n<script>\n",
}


@pytest.mark.parametrize("piece", REPEATED.values(), ids=REPEATED)
def test_a_loop_gets_an_outcome(piece: str) -> None:
    text = _fill(piece) if piece else _numbered("<x{}>", SIZE // 8)
    sample = score_sample(Completion(text))
    assert sample.outcome in Outcome
    assert len(sample.errors) <= MAX_ERRORS


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("piece", ["<li><br>", " ", "\n", "import ", "[", "'a ", "{a:"])
def test_a_loop_in_any_place_gets_an_outcome(start: str, piece: str) -> None:
    assert score_sample(Completion(start + _fill(piece, 20_000))).outcome in Outcome


@pytest.mark.parametrize("name", ["div", "span", "svg", "ul", "x-a"])
def test_a_hundred_thousand_nested_tags_are_too_deep(name: str) -> None:
    sample = score_sample(Completion(f"<{name}>" * 100_000))
    assert sample.outcome is Outcome.INVALID
    assert "too-deep" in [issue.code for issue in sample.errors]


def test_ten_megabytes_of_page_are_scored() -> None:
    row = "<div class='p-4'>x &amp; y</div>\n"
    sample = score_sample(Completion(f"<!doctype html>\n<body>\n{_fill(row, 10 * MEGABYTE)}</body>"))
    assert (sample.outcome, sample.num_classes > 1000) == (Outcome.VALID, True)


@pytest.mark.parametrize("text", ['<p class="', "<p><!-- ", "<script>", "<p ", "words ", "<style>a { b: '"])
def test_ten_megabytes_inside_one_piece_are_scored(text: str) -> None:
    wanted = Outcome.NO_CODE if text == "words " else Outcome.INVALID
    assert score_sample(Completion(text + _fill("word ", 10 * MEGABYTE))).outcome is wanted


@pytest.mark.parametrize(
    "piece", ["<![CDATA[>", "<![CDATA[>]]>", "<!--", "<!-->", "<?a>", "<style><a>", "<title>", "<!"]
)
def test_ten_times_as_much_inside_svg_takes_no_hundred_times_as_long(piece: str) -> None:
    issues = check_html("<svg>" + _fill(piece, 900_000)).issues
    assert issues


def test_character_data_ends_where_it_is_closed_and_nowhere_else() -> None:
    assert check_html("<svg><![CDATA[ a > <b> ]]></svg>").valid
    assert check_html("<svg><style><![CDATA[ a > b { } ]]></style><![CDATA[</svg>]]><path/></svg>").valid
    assert [i.code for i in check_html("<svg><![CDATA[ a > </svg>").issues] == ["unclosed"]


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("<p>\n<a " + "b=c " * (MAX_PIECE // 4) + ">x</a>", (2, 1)),
        ("<p>\n</p>" + "word " * (MAX_PIECE // 4), (2, 1)),
        ("<p>\n<!--" + "word " * (MAX_PIECE // 4), (2, 1)),
    ],
    ids=["tag", "text", "comment"],
)
def test_markup_that_is_longer_than_is_read_is_named(code: str, place: tuple[int, int]) -> None:
    (issue,) = check_html(code).issues
    assert (issue.code, issue.position.line, issue.position.column) == ("too_large", *place)


def test_long_text_and_long_style_sheets_are_no_markup() -> None:
    text = "a { color: red } " * (MAX_PIECE // 10)
    assert check_html(f"<!doctype html><style>{text}</style><p>{text}</p>").valid


_TOO_MUCH = """
import resource, sys
from scorers import Completion, Language, score_sample
score_sample(Completion("<p onclick='a()'><script>a</script>", language=Language.HTML))
text = sys.argv[1] * (10_000_000 // len(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
score_sample(Completion("<p>" + text, language=Language(sys.argv[2])))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    ("piece", "language"), [("<a ", "html"), ("</a ", "html"), ("<", "html"), ("\x01", "html"), ("<", "tsx")]
)
def test_ten_megabytes_take_less_than_300(piece: str, language: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _TOO_MUCH, piece, language], capture_output=True, text=True, check=True, timeout=100
    )
    assert int(ended.stdout) < 300


def test_a_body_tag_that_comes_again_and_again_with_other_attributes_is_a_duplicate() -> None:
    issues = check_html(_numbered("<body a{}=b>", 100_000)).issues
    assert (len(issues), {issue.code for issue in issues}) == (MAX_ISSUES, {"duplicate"})


def test_characters_that_are_none_keep_their_places() -> None:
    sample = score_sample(Completion("<p>\ud800\0\u202eא</p>\r\n\r</div>"))
    assert [(error.code, error.line, error.column) for error in sample.errors] == [("stray-end-tag", 3, 1)]


_TAGS = (
    "html",
    "head",
    "body",
    "div",
    "p",
    "a",
    "b",
    "li",
    "ul",
    "table",
    "tr",
    "td",
    "select",
    "option",
    "svg",
    "title",
)
_PIECES = (
    *(f"<{name}>" for name in _TAGS),
    *(f"</{name}>" for name in _TAGS),
    *("<template>", "</template>", "<noscript>", "</noscript>", "<style/>", "<math><mi>", "<foreignObject>", "<form>"),
    *(
        "</form>",
        "<caption>",
        "<colgroup>",
        "<col>",
        "<tbody>",
        "<h1>",
        "</h1>",
        "<button>",
        "<br>",
        "</br>",
        "<script>",
    ),
    *(
        "</script>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<!doctype html>",
        "text",
        "\n",
        " ",
        "<",
        '"',
        "'",
        "=",
        "/>",
        "&lt;",
    ),
    *("```html\n", "\n```\n", "<think>", "</think>", "import a from 'b'\n", "{", "}", "(", "\0", "\ud800", "\u202e"),
)
_SOUP = st.lists(st.sampled_from(_PIECES), max_size=60).map("".join)


@settings(max_examples=300, deadline=None)
@given(_SOUP | st.text(max_size=200), st.booleans(), st.sampled_from((None, *Language)))
def test_any_text_gets_an_outcome(text: str, truncated: bool, language: Language | None) -> None:
    sample = score_sample(Completion(text, truncated=truncated, language=language))
    assert Sample.from_dict(sample.to_dict()) == sample
    beside = ("script-", "early_")
    assert sample.outcome is not Outcome.VALID or all(error.code.startswith(beside) for error in sample.errors)


@settings(max_examples=300, deadline=None)
@given(_SOUP)
def test_every_issue_lies_in_the_text(text: str) -> None:
    lines = text.split("\n")
    for issue in check_html(text).issues:
        assert 1 <= issue.position.line <= len(lines)
        assert 1 <= issue.position.column <= len(lines[issue.position.line - 1]) + 1
        assert "\n" not in issue.message
