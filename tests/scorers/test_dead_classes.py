"""Class names that nothing knows."""

import pytest

from scorers.measures.classes import ClassCount, count_classes
from tests.pages import html_page, jsx_page


def judged(body: str) -> ClassCount:
    return count_classes(html_page(body))


def test_a_name_that_nothing_knows_is_dead_at_every_occurrence() -> None:
    count = judged('<p class="p-4 sparkle"><b class="sparkle hovr:flex">x</b></p>')
    assert (dict(count.dead), count.judged) == ({"sparkle": 2, "hovr:flex": 1}, 4)


@pytest.mark.parametrize(
    "alive",
    [
        '<style>.card:hover > b { top: 0 }</style><p class="card">',
        '<style>@media print { a.b .card { top: 0 } }</style><p class="card">',
        '<style>.md\\:card { top: 0 }</style><p class="md:card">',
        '<style>[class*="col-"] { top: 0 }</style><p class="col-7">',
        "<script>document.querySelector('.card b').remove()</script><p class='card'>",
        '<script>el.classList.add("x", "card")</script><p class="card">',
        "<script>el.className = `a card ${b}`</script><p class='card'>",
        """<p class="card" onclick="toggle('card')">""",
        """<p class="card" @click="$el.closest('.card').remove()">""",
        '<p class="group peer/mail group/item dark">',
        '<p class="fas fa-home bi bi-star material-icons lucide-x swiper-slide animate__fadeIn prose-lg">',
        "<script>tailwind.config = { theme: { extend: { colors: { card: 'red' } } } }</script><p class='bg-card'>",
        "<style>@theme { --font-card: x }</style><p class='font-card'>",
    ],
)
def test_a_name_that_something_knows_is_alive(alive: str) -> None:
    count = judged(alive)
    assert not count.dead
    assert count.judged


@pytest.mark.parametrize(
    "dead",
    [
        "<style>/* .card { } */ .cards { top: 0 }</style><p class='card'>",
        "<style>:root { --card: 1px }</style><p class='card'>",
        "<script>// 'card'\nconst card = 1</script><p class='card'>",
        "<p class='bg-cards' id='card'>",
        "<style>.x { background: url(card) }</style><p class='card'>",
    ],
)
def test_what_only_looks_like_a_mention_is_none(dead: str) -> None:
    assert judged(dead).dead.total() == 1


def test_nothing_is_judged_where_the_css_lies_elsewhere() -> None:
    page = judged('<link rel="stylesheet" href="site.css"><p class="sparkle">')
    component = count_classes(jsx_page('export default () => <p className="sparkle" />'))
    assert [(count.dead.total(), count.judged) for count in (page, component)] == [(0, 0), (0, 0)]


def test_style_sheets_of_fonts_and_icons_leave_the_page_judged() -> None:
    link = '<link href="https://fonts.googleapis.com/css2?family=Inter" rel="stylesheet">'
    assert judged(f'{link}<p class="sparkle">').dead == {"sparkle": 1}
