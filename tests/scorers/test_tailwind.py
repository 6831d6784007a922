"""Which class names are Tailwind utilities."""

import pytest

from scorers.classes import count_classes
from scorers.jsx_page import read_jsx
from scorers.page import read_page
from scorers.tailwind import data, is_utility

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
"""

NOT_UTILITIES = """
fa fa-home fas group peer group/item card btn btn-primary animate-on-scroll bg-primary text-brand p- -p-4 p-4x p--4
hovr:flex md: bg-red-550 bg-red text-1/2 grid-cols- w-[10px bg-[url( [foo] []: flex-row-x reveal delay-x md:fa
text-5xl-bold p-1.3 z-1.5 bg-opacity-x @applyx :flex flex: https://a.b p-4/50 w-1/2/3 (--x)
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
    page = read_page("""
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
    page = read_page("""
        <script>tailwind.config = { theme: { extend: { colors: { brand: { DEFAULT: '#f00', 50: '#fee' } } } } }</script>
        <p class="bg-brand text-brand-50 border-brand-900">a</p>""")
    assert set(count_classes(page).utilities) == {"bg-brand", "text-brand-50"}


def test_classes_in_jsx_are_found_where_they_stand() -> None:
    page = read_jsx("""
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
