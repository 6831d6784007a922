"""What is read of a page whose markup is odd, broken or hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.html.read import MAX_CHARACTERS
from scorers.page import Page
from tests.pages import html_page

PIECES = (
    *(
        "<style>",
        "</style>",
        "<style/>",
        "<script>",
        "</script>",
        "<svg>",
        "</svg>",
        "<title>",
        "<textarea>",
        "<p class",
    ),
    *(
        "<",
        ">",
        "/>",
        "</",
        "'",
        '"',
        "=",
        " ",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "\0",
        "a{color:red}",
        ".x{@apply p-4}",
    ),
    *(
        "class='a b'",
        ":class=\"{'c': x}\"",
        "style='--a: #fff'",
        "fill=red",
        "<link rel=stylesheet href=a.css>",
        "{{ x }}",
    ),
)


def scripts_and_styles(page: Page) -> tuple[bool, bool]:
    assert page.mentions is not None
    return page.mentions.cover("from-script"), ("color", "red") in page.styles


@pytest.mark.parametrize(
    "page",
    [
        "<style>a{color:red}</style><script>'from-script'</script>",
        "<div><style media=print>a{color:red}</div></style></p><script defer>'from-script'",
        "<SCRIPT>'<style>' + 'from-script'</SCRIPT><STYLE>/* <p> */ a{color:red}",
        "<svg><style>a{color:red}</style><script>'from-script'</script></svg>",
    ],
)
def test_style_sheets_and_scripts_are_read_wherever_they_stand(page: str) -> None:
    assert scripts_and_styles(html_page(page)) == (True, True)


@pytest.mark.parametrize(
    "page",
    [
        "<style></style>a{color:red}<script></script>'from-script'",
        "<style/>a{color:red}</style><script src=a.js />'from-script'",
        "<p>a{color:red}<b>'from-script'</b></style>a{color:red}",
        "<!-- <style>a{color:red}</style> --><textarea><script>'from-script'</script></textarea>",
    ],
)
def test_other_text_is_neither(page: str) -> None:
    assert scripts_and_styles(html_page(page)) == (False, False)


def test_an_attribute_may_be_more_than_one_thing() -> None:
    page = html_page(
        "<b x-transition:enter='ease' :class=\"['a', on]\" class=\"b\tc\nb\" fill=red data-x='\"d\"' CLASS=e>"
    )
    assert page.class_names == ("ease", "a", "b", "c", "b")
    assert page.color_attributes == ("red",)
    assert page.mentions is not None
    assert page.mentions.names >= {"a", "d"}


def test_attributes_without_a_value_hold_nothing() -> None:
    page = html_page("<p class style :class><link rel><link rel='' href>")
    assert not page.class_names
    assert not page.styles


@pytest.mark.parametrize(
    ("link", "judged"),
    [
        ("<link rel=stylesheet href=main.css>", False),
        ("<link rel='preload StyleSheet' href=main.css>", False),
        ("<link rel=stylesheet>", False),
        ("<link rel=stylesheet href=https://fonts.googleapis.com/css2>", True),
        ("<link rel=icon href=main.css>", True),
        ("<link>", True),
    ],
)
def test_classes_are_judged_only_where_the_css_is_known(link: str, judged: bool) -> None:
    assert (html_page(f"{link}<p class=a>").mentions is not None) is judged


def test_names_that_never_end_are_not_remembered() -> None:
    name = "data-" + "x" * 1_000_000
    assert html_page(f"<p {name}='a' class=b>").class_names == ("b",)


def test_what_lies_beyond_the_limit_is_not_read() -> None:
    assert html_page("<p>" + " " * MAX_CHARACTERS + "<b>").tags == ("p",)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text())
def test_any_text_is_a_page_of_its_start_tags(text: str) -> None:
    page = html_page(text)
    assert len(page.tags) <= text.count("<")
    assert all(name.split() == [name] for name in page.class_names)


def test_tags_come_in_the_order_of_the_page_however_deep() -> None:
    page = "<!doctype html><HTML><head></head><body><ul><li>a<li>b</ul><br/><my-card></my-card>" + "<div>" * 100_000
    assert html_page(page).tags == ("html", "head", "body", "ul", "li", "li", "br", "my-card", *["div"] * 100_000)
