"""Pages of one file, for tests of what is measured of a page."""

from scorers.html.read import read_html
from scorers.jsx.read import read_jsx
from scorers.page import Page, make_page


def html_page(code: str) -> Page:
    """The page of one HTML file."""
    return make_page([read_html(code)])


def jsx_page(code: str) -> Page:
    """The page of one JSX or TSX file."""
    return make_page([read_jsx(code)])
