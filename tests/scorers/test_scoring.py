"""One completion from text to sample: outcomes, hostile text, storage, and what the former callback got wrong."""

import json
import re
import time
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers import Completion, Issue, Language, Outcome, Sample, SampleError, aggregate, score, score_sample
from scorers.position import Position
from scorers.scoring import MAX_DISTINCT, MAX_ERRORS
from scorers.verdict import SyntaxIssue

PAGE = '<!DOCTYPE html>\n<html><head><meta></head><body><img src="a"><div class="p-4">Hi</div></body></html>'
OPEN = PAGE.removesuffix("</div></body></html>")


@pytest.mark.parametrize(
    ("text", "truncated", "outcome"),
    [
        (PAGE, False, Outcome.VALID),
        (f"```html\n{PAGE}\n```", False, Outcome.VALID),
        (f"```html\n{PAGE}\n```\nThis page is ma", True, Outcome.VALID),
        (f"```html\n{PAGE}\n\nThis page is ma", True, Outcome.VALID),
        (f"{PAGE}\nThis page is ma", True, Outcome.VALID),
        (PAGE, True, Outcome.VALID),
        (f"```html\n{OPEN}", True, Outcome.TRUNCATED),
        (OPEN, True, Outcome.TRUNCATED),
        ("```tsx\nexport default function A() {\n  return <p", True, Outcome.TRUNCATED),
        (f"```html\n{OPEN}\n```\nThis page is ma", True, Outcome.INVALID),
        (f"{PAGE.replace('</div>', '</b>')}\nThis page is ma", True, Outcome.INVALID),
        (OPEN, False, Outcome.INVALID),
        (f"```html\n{OPEN}", False, Outcome.INVALID),
        (f"<think>{PAGE}", True, Outcome.NO_CODE),
        ("I would begin with a ", True, Outcome.NO_CODE),
        ("I cannot help with that.", False, Outcome.NO_CODE),
        (" \n\t\r\n", True, Outcome.EMPTY),
        ("", False, Outcome.EMPTY),
    ],
)
def test_each_completion_has_the_outcome_that_its_code_earned(text: str, truncated: bool, outcome: Outcome) -> None:
    sample = score_sample(Completion(text, truncated=truncated))
    assert sample.outcome is outcome
    assert sample.syntax_valid is (outcome is Outcome.VALID)
    assert bool(sample.errors) is (outcome is not Outcome.VALID)


def test_errors_are_placed_in_the_completion_and_not_in_the_code() -> None:
    sample = score_sample(Completion("Here:\r\n\r\n```html\r\n<main>\r\n  <b>x</i>\r\n</main>\r\n```"))
    assert [(e.line, e.column) for e in sample.errors] == [(5, 3), (5, 7)]


@pytest.mark.parametrize(
    ("language", "code", "said"),
    [
        ("html", "<a>\n<a></a>", "line {1}, column 1"),
        ("html", "<ul>\n<li>\n</div></ul>", ""),
        ("html", "<div>\n</section>\n<p>x</p>\n</main></div>", ""),
        ("html", "<p>x</p>\n<script type='module'>\nlet a\nlet a\n</script>", "line {3}"),
        ("html", "<p>x</p>\n<script type='text/babel'>\nconst a = <b>\n</i>\n</script>", "line {4}"),
        ("tsx", "let a\nlet b = <p/>\nlet a", "line {1}"),
        ("tsx", "const a = <b>\n</i>", "line {2}"),
        ("vue", "<template>\n<div>\n</template>", "line {3}"),
        ("astro", "---\nlet a\n---\n<b>\n</i>", "line {5}"),
    ],
)
@pytest.mark.parametrize("before", ["", "Here it is.\n\nA page:\n"])
def test_what_a_message_says_of_a_further_place_is_of_the_completion_too(
    language: str, code: str, said: str, before: str
) -> None:
    sample = score_sample(Completion(f"{before}```{language}\n{code}\n```\n"))
    first = 2 + before.count("\n")
    expected = re.sub(r"\{(\d+)\}", lambda match: str(first - 1 + int(match[1])), said)
    assert sample.errors
    assert sample.errors[0].message.endswith(expected)


def test_a_place_in_what_others_say_is_not_touched() -> None:
    issue = SyntaxIssue("script-error", Position(1, 1), "Invalid regular expression: / line 5(/: Unterminated group")
    assert issue.moved(lambda at: at.inside(Position(9, 1))).message == issue.message


def test_the_cut_comes_first_and_errors_are_bounded() -> None:
    sample = score_sample(Completion("```html\n" + "<div>\n" * 50, truncated=True))
    assert [sample.errors[0].code, len(sample.errors)] == ["truncated", MAX_ERRORS]


# What the in-process callback that this replaces measured wrongly.


@pytest.mark.parametrize(
    "code",
    [
        "<head><meta charset='utf-8'><title>a</title></head><body><br><img src='a'><input><hr></body>",
        "<ul><li>a<li>b</ul><p>c<p>d",
        "<input disabled><button @click='a = 1 > 0' :class=\"{'b': c}\">d</button>",
    ],
)
def test_void_elements_and_optional_end_tags_are_valid(code: str) -> None:
    assert score_sample(Completion(f"```html\n{code}\n```")).syntax_valid


def test_silence_and_prose_are_never_valid() -> None:
    report = score(Completion(text) for text in ("", "Certainly! Here is a page.", "```html\n```", "```\nnpm i\n```"))
    assert report.metrics["eval/syntax_validity_rate"] == 0


def test_a_cut_page_is_truncated_and_not_a_syntax_error() -> None:
    metrics = score([Completion(f"```html\n{OPEN}", truncated=True), Completion(PAGE)]).metrics
    assert (metrics["eval/outcome_truncated"], metrics["eval/outcome_invalid"]) == (1, 0)
    assert metrics["eval/syntax_validity_rate_complete"] == 1


def test_the_fence_is_no_part_of_the_code() -> None:
    fenced, bare = score_sample(Completion(f"```html\n{PAGE}\n```")), score_sample(Completion(PAGE))
    assert fenced.fingerprint == bare.fingerprint


def test_jsx_is_judged_as_jsx() -> None:
    code = "export default () => <p className={`p-4 ${a ? 'mt-2' : \"mb-2\"}`}>{a && <br />}</p>"
    sample = score_sample(Completion(f"```jsx\n{code}\n```"))
    assert (sample.outcome, sample.language) == (Outcome.VALID, Language.JSX)
    assert dict(sample.classes) == {"p-4": 1, "mt-2": 1, "mb-2": 1}


def test_widths_opacities_and_links_are_no_colors_and_gradients_are() -> None:
    code = (
        '<a href="#add" class="border-t-2 bg-opacity-50 gap-4 from-blue-500 via-white to-[#ef4444] ring-teal-300">x</a>'
    )
    sample = score_sample(Completion(code, language=Language.HTML))
    assert dict(sample.colors) == {"blue-500": 1, "white": 1, "red-500": 1, "teal-300": 1}
    assert sample.num_classes == 7


M = 1_000_000
HOSTILE = {
    "10 MB of prose": "a b\n" * (10 * M // 4),
    "10 MB of markup": "<p class='p-4'>x</p>\n" * (10 * M // 21),
    "nested tags": "<div>" * 100_000,
    "nested and closed tags": "<div>" * 50_000 + "</div>" * 50_000,
    "nested paragraphs": "<b><p>" * 25_000,
    "nested foreign": "<svg><foreignObject>" * 20_000,
    "repeated bodies": "<body a=1>" * 25_000,
    "NUL": "<p>\0</p>\0" * 50_000,
    "lone surrogates": "<p class='\ud800 p-4'>\udfff</p>" * 20_000,
    "unclosed quote": '<div class="' + "p-4 " * 300_000,
    "many unclosed quotes": '<div class="' * 90_000,
    "tag openers": "<" * M,
    "comments": "<!--" * (M // 4),
    "fences": "```html\n" * (M // 8),
    "backticks": "`" * M,
    "thoughts": "<think></think>" * (M // 15),
    "documents": "<!doctype html>" * (M // 15),
    "unclosed CSS comments": "<style>" + "/*" * (M // 2),
    "unclosed urls": "<style>" + "a{background:url(" * (M // 20),
    "variables that grow": "<style>a{--x:" + "var(--x)" * 25 + "}" + ("a{color:" + "var(--x)" * 240 + "}") * 200,
    "deep config": "<script>tailwind.config={colors:" + "{" * 90_000 + "</script>",
    "braces in JSX": "const a = <p>" + "{" * 500_000,
    "tags in JSX": "export default () => " + "<div>" * 100_000,
    "templates in JSX": "const a = <p className={`" + "${`" * 100_000,
    "closers in JSX": "const a = <p/>;" + "} ) ] " * 50_000,
    "operators in JSX": "const a = <p/>;" + "!" * 400_000,
    "mismatches in JSX": "const a = <p/>;" + "<a></b>;" * 30_000,
    "control characters": "<p class='\x1b[31m'>\x00\x07\u202e</\x1b>" * 5_000,
}


@pytest.mark.parametrize(
    "text",
    # `test_hostile.py` has ten megabytes of markup among the usual tests.
    [pytest.param(text, marks=pytest.mark.soak if name == "10 MB of markup" else ()) for name, text in HOSTILE.items()],
    ids=HOSTILE,
)
def test_hostile_text_gets_an_outcome_in_bounded_time_and_a_small_sample(text: str) -> None:
    began = time.process_time()
    sample = score_sample(Completion(text, truncated=True))
    # A quadratic step would take minutes on these.
    assert time.process_time() - began < 20
    assert sample.outcome in Outcome
    assert len(sample.errors) <= MAX_ERRORS
    assert len(sample.classes) <= MAX_DISTINCT
    assert Sample.from_dict(json.loads(json.dumps(sample.to_dict(), ensure_ascii=False).encode())) == sample


@pytest.mark.parametrize(
    "unit", ["<div>", '<div class="', "<p>\0", "```html\n<b>", "<a><b></a>", "<style>a{color:var("]
)
def test_time_grows_with_the_length_of_the_text_and_not_with_its_square(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        times = []
        for _ in range(2):
            began = time.process_time()
            score_sample(Completion(text))
            times.append(time.process_time() - began)
        return min(times)

    # Eight times the text: linear costs 8, a square 64.
    assert seconds(160_000) < 25 * max(seconds(20_000), 0.01)


PIECES = st.sampled_from(
    [
        "<div>",
        "</div>",
        "<p class='",
        "'>",
        '"',
        "`",
        "```html\n",
        "\n```\n",
        "<think>",
        "</think>",
        "<style>",
        "</style>",
        "<script>tailwind.config={colors:{a:",
        "}}",
        "<svg>",
        "<table>",
        "<!--",
        "-->",
        "<!doctype html>",
        "</html>",
        "bg-[",
        "]",
        "var(--a",
        ")",
        "#fff",
        "export default () => ",
        "{",
        "<br/>",
        "\x00",
        "\r\n",
        "\ud800",
        "é",
        "😀",
        " ",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=30), st.booleans(), st.sampled_from([None, *Language]))
def test_any_text_gets_one_outcome_and_places_inside_it(
    pieces: list[str], cut: bool, language: Language | None
) -> None:
    text = "".join(pieces)
    sample = score_sample(Completion(text, truncated=cut, language=language))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(1 <= e.line <= len(lines) and 1 <= e.column <= len(lines[e.line - 1]) + 1 for e in sample.errors)
    broken = [error for error in sample.errors if not error.code.startswith(("script-", "early_"))]
    assert bool(broken) is (not sample.syntax_valid)
    assert (sample.outcome is Outcome.TRUNCATED) <= cut
    assert Sample.from_dict(json.loads(json.dumps(sample.to_dict()))) == sample


def test_a_sample_survives_json() -> None:
    text = f"```html\n{PAGE.replace('p-4', 'p-4 bg-red-500 bg-primary')}<div>\n```"
    sample = score_sample(Completion(text, source="a.md"))
    assert sample.colors
    assert sample.classes
    assert Sample.from_dict(json.loads(json.dumps(sample.to_dict(), allow_nan=False))) == sample


def test_each_field_of_a_sample_survives_json() -> None:
    other = {int: 7, str: "x", bool: True}
    values = {
        "source": "a.md",
        "outcome": Outcome.INVALID,
        "language": "html",
        "errors": (Issue("a", 1, 2, "b", "c"),),
        "extras": {"own": 1},
        "loops": True,
        **dict.fromkeys(("colors", "classes", "hues"), (("red-500", 2),)),
        **dict.fromkeys(("shape", "grams"), (1, 2)),
    }
    given = {entry.name: values.get(entry.name, other.get(type(entry.default), 3)) for entry in fields(Sample)}
    sample = Sample(**given)  # type: ignore[arg-type]
    read = Sample.from_dict(json.loads(json.dumps(sample.to_dict())))
    lost = [name for name, value in given.items() if getattr(read, name) != value]
    assert not lost, f"to_dict or from_dict loses {lost}, or `values` of this test needs one of its type"


@pytest.mark.parametrize(
    "change", [{"outcome": "fine"}, {"language": "elm"}, {"errors": [["a", 1]]}, {"colors": 3}, {"shape": ["x"]}]
)
def test_a_stored_sample_of_another_form_is_refused_by_name(change: dict[str, object]) -> None:
    stored = score_sample(Completion(PAGE)).to_dict() | change
    with pytest.raises(SampleError, match="cannot be read back"):
        Sample.from_dict(stored)
    with pytest.raises(SampleError, match="outcome"):
        Sample.from_dict({"source": ""})


def test_a_sample_that_was_stored_by_an_earlier_version_is_still_read() -> None:
    sample = score_sample(Completion("<p class='p-4'>Hi</p>", prompt="a"))
    stored = sample.to_dict()
    for name in ("prompt", "words", "grams", "loops", "dead_classes", "judged_classes", "extras"):
        del stored[name]
    read = Sample.from_dict(stored)
    assert (read.prompt, read.words, read.loops, read.extras) == ("", 0, None, {})
    assert read.classes == sample.classes
    metrics = aggregate([read])
    assert metrics["eval/distinct_4"] is metrics["eval/repetition_share"] is None
    assert metrics["eval/syntax_validity_rate"] == 1


def test_the_css_and_scripts_of_an_answer_belong_to_its_page() -> None:
    page = '```html\n<p class="box odd open">Hi</p>\n```\n'
    css, script = "```css\n.box { color: #ef4444 }\n```\n", "```js\ntoggle('open')\n```\n"
    alone, joined = (score_sample(Completion(text)) for text in (page, page + css + script))
    assert (alone.num_colors, alone.dead_classes) == (0, 3)
    assert (dict(joined.colors), joined.dead_classes) == ({"red-500": 1}, 1)
    component = "```tsx\nexport default () => <p className='box'>Hi</p>\n```\n"
    assert dict(score_sample(Completion(component + css)).colors) == {"red-500": 1}
