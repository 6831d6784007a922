"""What stands in a file of JavaScript or TypeScript: tags, class names, styles and colors, read from its syntax tree.

Class names stand in attributes, keys and variables called `className` and the like (`classes`, `wrapperClass`), and in
the arguments of `cn()`, `clsx()`, `cva()` and their kin; there every word counts, but for what is compared or passed on
to other functions. Components also keep class names in constants and props, so the words of other string literals are
handed on as `loose_names` where a utility with a dash or a colon stands among them; a bare word (`flex`, `table`,
`outline`) alone is too often something else there. HTML in literals (`innerHTML`, lit's templates) is read by the HTML
tokenizer; what scripts set is read where they set it (`classList.add`, `setAttribute`, `style.color`). Module names,
types, directives, keys of an index and `style` objects hold no class names; a word that touches `${…}` is only a part
of one.

Colors stand in color places (`fill`, `color: …`, `background = …`), where names are followed to what they stand for, in
CSS of `<style>` and styled components, in markup; `colors.js` says what counts.

Not covered: class names put together from pieces, objects that are passed from file to file.
"""

from __future__ import annotations

import re
from dataclasses import replace

from scorers.contents import Contents
from scorers.html.read import read_markup
from scorers.jsx.engine import HOLE, SourceKind, SourceReading, read_source
from scorers.tailwind.conventions import CONVENTIONAL
from scorers.tailwind.utility import MAX_CLASS_LENGTH, parse_utility

_CAPITAL = re.compile(r"[A-Z]")
# A file in the language of a component may be Tailwind's configuration.
_CONFIG = re.compile(r"tailwind\.config\b|['\"]tailwindcss['\"]|content: *\[")


def read_jsx(code: str, kind: SourceKind = SourceKind.TSX) -> Contents:
    """Reads JSX or TSX, or what `kind` says, broken or not; what lies beyond the parser's bounds is not read. Never
    raises.

    >>> found = read_jsx('const a = ["mt-4 grid", "table"]; <p className="flex" style={{color: "#fff"}} />')
    >>> found.class_names, found.loose_names, found.properties, found.tags
    (('flex',), ('mt-4', 'grid'), (('color', '#fff'),), ('p',))
    >>> read_jsx('const C = {a: "#f00"}; <p style={{color: C.a, "--b": C.a}} />').properties
    (('color', '#f00'), ('--b', '#f00'))
    """
    found = contents_of(read_source(code, kind))
    # What a component imports, or the page around it, may define any class.
    return replace(found, scripts=config_in(code), has_all_css=False)


def config_in(code: str) -> tuple[str, ...]:
    """The code, where it may be a configuration of Tailwind."""
    return (code,) if "theme" in code and _CONFIG.search(code) else ()


def contents_of(source: SourceReading) -> Contents:
    """What stands in code that was read; the HTML in its literals included, whose class names are loose ones."""
    markup = read_markup(source.markup)
    return Contents(
        tags=(*source.tags, *markup.tags),
        class_names=source.classes,
        loose_names=(*_loose(source), *(name for name in markup.class_names if HOLE not in name)),
        sheets=(*source.sheets, *markup.sheets),
        inline=(*source.inline, *markup.inline),
        properties=tuple((_kebab(name), text) for name, text in source.properties),
        color_attributes=(*(text for _, text in source.attributes), *markup.color_attributes),
        literals=source.literals,
        variables=source.variables,
        constants=source.constants,
        imports=source.imports,
        grounds=(*source.grounds, *markup.grounds),
    )


def _loose(source: SourceReading) -> tuple[str, ...]:
    return tuple(word for words in source.loose if any(_telling(word) for word in words) for word in words)


def _telling(word: str) -> bool:
    """True for a word that is hardly anything but a class name."""
    return (
        ("-" in word or ":" in word) and len(word) <= MAX_CLASS_LENGTH and parse_utility(word, CONVENTIONAL) is not None
    )


def _kebab(name: str) -> str:
    return name if name.startswith("--") else _CAPITAL.sub(lambda match: "-" + match[0].lower(), name)
