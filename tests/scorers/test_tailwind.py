"""Which class names are Tailwind utilities."""

import pytest

from scorers import Completion, Language, score_sample
from scorers.measures.classes import count_classes
from scorers.tailwind.utility import Utility, data, is_utility, parse_utility, versions_of
from tests.pages import html_page, jsx_page

UTILITIES = """
flex hidden container sr-only antialiased -m-px inset-0 -inset-1 -top-2.5 p-4 px-2.5 mt-auto w-1/2 w-full h-screen
h-dvh max-w-7xl max-w-screen-xl grid-cols-12 col-span-2 gap-x-8 space-y-4 -space-x-2 text-sm text-sm/6 font-bold
leading-tight tracking-wide bg-red-500 bg-red-500/50 bg-black/10 text-white border border-2 border-t-2 border-x-red-300
rounded-2xl shadow-lg ring-2 ring-offset-2 ring-indigo-500/30 bg-gradient-to-r from-blue-500 via-sky-300 to-transparent
from-10% opacity-75 bg-opacity-50 duration-300 ease-in-out -translate-x-1/2 scale-105 hover:scale-105 rotate-45
z-50 order-first line-clamp-3 aspect-video object-cover backdrop-blur-sm animate-spin divide-y divide-gray-200
w-[calc(100%-2rem)] bg-[#1da1f2] bg-[url('/a.png')] text-[14px] text-[color:var(--x)] grid-cols-[1fr_auto]
[mask-type:luminance] hover:[mask-type:alpha] md:hover:bg-red-500 group-hover:opacity-100 peer-checked:bg-red-500
group-hover/item:visible data-[state=open]:flex aria-expanded:flex supports-[display:grid]:grid has-[:checked]:ring
not-first:mt-2 nth-3:mt-1 max-md:hidden min-[900px]:flex @container @lg:flex @[400px]:p-4 [&>p]:mt-4 *:p-2 dark:bg-black
!p-4 p-4! md:!p-4 bg-mauve-500 bg-(--brand) flex-grow-0 overflow-ellipsis placeholder-gray-500 decoration-2 stroke-2
2xl:p-1 first-letter:text-7xl before:content-[''] size-6 inset-x-0 scroll-mt-20 will-change-transform
*:[svg]:size-4 [svg]:size-4 [p,a]:flex has-[>img]:p-2 not-group-hover/name:flex group-not-first:flex in-data-open:p-1
**:p-1 nth-[2n+1]:p-1 data-open:flex supports-grid:grid @md/main:flex bg-linear-45/oklch bg-linear-to-r/longer
[color:red]/50 bg-(color:--x)/50 text-[14px]/6 text-sm/tight bg-red-500/2.5 w-7/11 aspect-8.5/11 from-37% p-137
grid-cols-17 z-137 content-['a:b;c]'] bg-[url('data:image/svg+xml;utf8,<svg/>')] bg-opacity-50 flex-shrink-0
before:*:p-1 group-[&:hover]/item:p-1 min-[40rem]:p-1 max-w-screen-2xl inset-shadow-sm text-shadow-lg mask-t-from-50%
"""

NOT_UTILITIES = """
fa fa-home fas group peer group/item card btn btn-primary animate-on-scroll bg-primary text-brand p- -p-4 p-4x p--4
hovr:flex md: bg-red-550 bg-red text-1/2 grid-cols- w-[10px bg-[url( [foo] []: flex-row-x reveal delay-x md:fa
text-5xl-bold p-1.3 z-1.5 bg-opacity-x @applyx :flex flex: https://a.b p-4/50 w-1/2/3 (--x) p-007 p-1.50 grid-cols-0
has-md:flex group-md:flex [>a]:p-1 not-[>a]:p-1 in-hover/x:p-1 data-foo/x:p-1 @-md:flex hover::flex w-[(]
[a;b]:flex bg-red-500/50/50 bg-red-500/x text-sm/x bg-[:x] [color:] [:red] [Color:red]/50 bg-(x) bg-()
group-not-hover:flex not-first:bg-opacity-50 bg-opacity-50! **:flex-shrink-x group-group nth-x:flex [&>p:flex url(x)
fa-2x/50 aspect-2.3/6 -flex -absolute
"""


@pytest.mark.parametrize("name", UTILITIES.split())
def test_what_tailwind_compiles_is_a_utility(name: str) -> None:
    assert is_utility(name)


@pytest.mark.parametrize("name", NOT_UTILITIES.split())
def test_what_tailwind_does_not_compile_is_none(name: str) -> None:
    assert not is_utility(name)


def test_the_table_says_which_tailwind_it_comes_from() -> None:
    versions = str(data()["versions"]).split()
    assert [version.split(".")[0] for version in versions] == ["3", "4"]


def test_classes_of_a_page_are_counted_by_occurrence() -> None:
    page = html_page("""
        <style>.btn { @apply px-4 py-2; }</style>
        <div class="p-4 card" :class="open ? 'flex' : `hidden`" x-transition:enter="transition ease-out">
          <p class="p-4 fa-home">a</p></div>
        <script>const a = "mt-4"</script>""")
    count = count_classes(page)
    assert dict(count.utilities) == {
        "p-4": 2, "flex": 1, "hidden": 1, "transition": 1, "ease-out": 1, "px-4": 1, "py-2": 1,
    }  # fmt: skip
    assert count.tokens == 10


def test_custom_colors_of_the_page_are_utilities() -> None:
    page = html_page("""
        <script>tailwind.config = { theme: { extend: { colors: { brand: { DEFAULT: '#f00', 50: '#fee' } } } } }</script>
        <p class="bg-brand text-brand-50 border-brand-900">a</p>""")
    assert set(count_classes(page).utilities) == {"bg-brand", "text-brand-50"}


def test_classes_in_jsx_are_found_where_they_stand() -> None:
    page = jsx_page("""
        import x from "./flex-1"
        const styles = { card: "rounded-lg p-6 flex", name: "outline" }
        const button = cva("inline-flex", { variants: { size: { sm: "h-9 px-3" } } })
        export default function A({ open }) {
          return <div className={`grid ${open ? "block" : 'hidden'}`} containerClassName="table">
            <p className={cn("mt-2", open && "font-bold")} title="table flex">text-sm</p></div>
        }""")
    found = set(count_classes(page).utilities)
    assert found == {
        "rounded-lg", "p-6", "flex", "inline-flex", "h-9", "px-3", "grid", "block", "hidden", "table", "mt-2",
        "font-bold",
    }  # fmt: skip


def test_what_only_one_version_knows_does_not_go_with_what_only_the_other_knows() -> None:
    assert versions_of("not-first:p-4") == (False, True)
    assert versions_of("bg-opacity-50") == (True, False)
    assert not is_utility("not-first:bg-opacity-50")


@pytest.mark.parametrize(
    "name", ["[" * 290, "not-" * 70 + "first:p-1", "(" * 290, "a-" * 140, "[&:is(" * 48, "\\" * 290, "p-4" * 200]
)
def test_a_name_of_any_length_and_any_depth_of_brackets_is_judged(name: str) -> None:
    assert not is_utility(name)


CONFIG = """<script>
const config = { theme: { screens: { tablet: '640px' }, extend: {
  fontFamily: { display: ['Oswald', "serif"] }, spacing: { page: '4.5rem' }, animation: { 'fade-in': 'x 1s' },
  boxShadow: { soft: '0 1px #000', DEFAULT: '0 0' }, borderRadius: { jumbo: '2rem' }, zIndex: { modal: 60 },
  backgroundImage: { hero: "url(/a.svg)" }, fontSize: { huge: ['5rem', { lineHeight: '1' }] },
  keyframes: { x: { from: { top: 0 } } }, textColor: theme => ({ odd: '#000' }), height: { ...sizes, tall: '40rem' },
} } } // comment
tailwind.config = config
</script>"""
THEME = """<style type="text/tailwindcss">
  @theme inline { --font-hand: "X"; --breakpoint-wide: 90rem; --spacing-gutter: 3rem;
  --animate-wiggle: wiggle 1s; --container-page: 90rem; @keyframes wiggle { to { top: 0 } } --shadow-glow: 0 0 #fff }
  :root { --font-not: x } @utility tab-even { tab-size: 4 } @custom-variant midnight (&:where(.midnight *));</style>"""


MADE_BY_CONFIG = """
font-display p-page -mt-page w-page animate-fade-in md:animate-fade-in shadow-soft rounded-jumbo rounded-t-jumbo z-modal
bg-hero text-huge text-huge/6 tablet:p-4 max-tablet:flex max-w-screen-tablet h-tall
"""
MADE_BY_THEME = """
font-hand wide:p-4 max-wide:p-4 p-gutter -mt-gutter animate-wiggle max-w-page @page:flex shadow-glow tab-even
midnight:p-4 hover:midnight:p-4
"""
MADE_BY_NONE = "font-nope font-not animate-x animate-from p-tall tablet text-odd w-hero shadow-DEFAULT"


@pytest.mark.parametrize("name", MADE_BY_CONFIG.split())
def test_every_key_of_the_config_makes_its_utilities(name: str) -> None:
    assert list(count_classes(html_page(f'{CONFIG}<p class="{name}">a</p>')).utilities) == [name]
    assert not is_utility(name)


@pytest.mark.parametrize("name", MADE_BY_THEME.split())
def test_every_namespace_of_the_theme_makes_its_utilities(name: str) -> None:
    assert list(count_classes(html_page(f'{THEME}<p class="{name}">a</p>')).utilities) == [name]
    assert not is_utility(name)


@pytest.mark.parametrize("name", MADE_BY_NONE.split())
def test_the_theme_makes_no_other_utilities(name: str) -> None:
    assert not count_classes(html_page(f'{CONFIG}{THEME}<p class="{name}">a</p>')).utilities


@pytest.mark.parametrize(
    ("attribute", "names"),
    [
        ("""class="a b" """, "a b"),
        (""":class="{'a b': open, c: !open}" """, "a b c"),
        ("""x-bind:class="tab === 'home' ? 'a' : 'b'" """, "a b"),
        ("""v-bind:class="['a', x && 'b', { 'c-d': y }]" """, "a b c-d"),
        (""":class="`a ${open ? 'b' : 'c'} text-${color}-500`" """, "a b c"),
        (""":class="'home' === tab ? 'a' : 'b'" """, "a b"),
        (""":class="has('x') && 'a'" """, "a"),
        (""":class="items['x'] ? 'a' : ''" """, "a"),
        (""":class="cn('a', b)" """, "a"),
        ("""class:list="['a', { b: c }]" """, "a b"),
        ("""x-transition:enter="a b" x-transition:enter-start="c" """, "a b c"),
        ("""enter-active-class="a" leave-to-class="b" """, "a b"),
        ("""data-class="a" x-data="{ a: 'b' }" id="c" """, ""),
    ],
)
def test_class_names_are_found_where_frameworks_put_them(attribute: str, names: str) -> None:
    assert " ".join(html_page(f"<p {attribute}>x</p>").class_names) == names


PICTURE = "bg-[url(data:image/png;base64," + "A" * 50_000 + ")]"


def test_a_picture_in_a_class_name_is_a_utility() -> None:
    assert parse_utility(PICTURE) == Utility("bg", PICTURE[3:])
    assert parse_utility("md:hover:" + PICTURE) is not None


def test_long_class_names_are_counted_apart_and_stored_short() -> None:
    page = f"<p class='{PICTURE} p-4'>a</p><p class='{PICTURE[:-2]}B)]'>b</p>"
    sample = score_sample(Completion(page, language=Language.HTML))
    assert (sample.num_classes, len(sample.classes), sum(len(name) for name, _ in sample.classes) < 1_000) == (
        3,
        3,
        True,
    )


@pytest.mark.parametrize("piece", ["-", "a-", "1", "[", "(", "a:", "/", "[&", "-primary", "not-"])
@pytest.mark.parametrize("start", ["", "p-[", "w-", "group-["])
def test_long_class_names_take_linear_time(start: str, piece: str) -> None:
    for name in (start + piece * 30_000, start + piece * 30_000 + "]x"):
        parse_utility(name)
