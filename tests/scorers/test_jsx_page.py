"""Which words of a JSX file are class names, and what else is read from it."""

import pytest

from scorers.measures.classes import count_classes
from tests.pages import jsx_page

CLASSES = {
    "attribute": ('<p className="flex p-4" />', "flex p-4"),
    "html's attribute": ('<p class="flex" />', "flex"),
    "attribute of a component": ('<Card wrapperClassName="flex" classNames={{ table: "grid" }} />', "flex grid"),
    "template": ("<p className={`flex ${a ? `grid` : 'p-1'} w-${b} ${c}p-9 h-4`} />", "flex grid p-1 h-4"),
    "concatenation": ("<p className={'flex ' + (a && 'grid')} />", "flex grid"),
    "condition": ("<p className={kind === 'outline' ? 'border' : kind('table')} />", "border"),
    "callback": ("<p className={({ a }) => { if (a === 'table') return 'flex' }} />", "flex"),
    "switch": ("const className = () => { switch (a) { case 'table': return 'flex' } }", "flex"),
    "joined array": ("<p className={['flex', a && 'grid'].join(' ')} />", "flex grid"),
    "index": ("<p className={styles['table']} />", ""),
    "call": ("cn('flex', { grid: a, 'p-4': b, [`border ${c}`]: d }, [e && 'table'])", "flex grid p-4 border table"),
    "variants": ("cva('flex', { variants: { outline: { true: 'border' } } })", "flex border"),
    "call in a call": ("cn(buttonVariants({ variant: 'outline' }), 'flex')", "flex"),
    "tagged template": ("const a = tw`flex grid`", "flex grid"),
    "variable": ("const buttonClasses = 'flex'; function A({ className = 'grid' }) {}", "flex grid"),
    "assignment": ("node.className = 'flex'; node.classList.add('grid')", "flex grid"),
    "constant": ("const a = { root: 'flex p-4', kind: 'table', b: 'not-one table' }", "flex p-4"),
    "type": ("type A = 'flex p-4'; let a: 'p-4'; interface B { c: 'p-4' }", ""),
    "module": ("import a from 'p-4'; export * from 'p-4'; require('p-4'); import('p-4')", ""),
    "directive": ("'flex p-4'\nconst a = 1", ""),
    "style": ("<p style={{ display: 'inline-block' }} />", ""),
    "text and comment": ("<p>p-4 flex {/* p-4 */}</p> // p-4", ""),
    "broken code": ("<p className='flex'><b class='grid'></p>", "flex grid"),
}


@pytest.mark.parametrize(("code", "expected"), CLASSES.values(), ids=CLASSES)
def test_utilities_are_found_where_class_names_stand(code: str, expected: str) -> None:
    assert sorted(count_classes(jsx_page(code)).utilities) == sorted(expected.split())


def test_styles_are_read_from_objects_sheets_and_styled_components() -> None:
    page = jsx_page(
        "const A = styled.a`color: red; top: ${x};`;\n"
        "<p style={{ backgroundColor: dark ? '#000' : '#fff', width: '1px' }}><style>{`b { color: blue }`}</style></p>"
    )
    colors = [(name, value) for name, value in page.styles if "color" in name]
    assert sorted(colors) == [
        ("background-color", "#000"),
        ("background-color", "#fff"),
        ("color", "blue"),
        ("color", "red"),
    ]


def test_colors_of_svg_attributes_are_read() -> None:
    page = jsx_page("<svg fill='none'><stop stopColor={`#fff`} offset='5%' /><path stroke={a ? 'red' : b} /></svg>")
    assert page.color_attributes == ("none", "#fff", "red")


def test_tags_stand_in_the_order_of_the_text() -> None:
    assert jsx_page("<A.B><p>{a ? <b/> : <i></i>}</p></A.B>").tags == ("A.B", "p", "b", "i")
