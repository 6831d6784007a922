"""Class names put together at random: utilities, near misses, and what only looks like one.

Seeded, and written from the documentation of Tailwind v3 and v4, not from the table that the scorer uses; nothing here
says which of them are utilities.
"""

from __future__ import annotations

import random

SEED = 20261125


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ROOTS = _words(
    """
accent align animate aspect auto-cols auto-rows backdrop-blur backdrop-brightness backdrop-opacity basis bg bg-blend
bg-clip bg-conic bg-gradient-to bg-linear bg-linear-to bg-opacity bg-origin bg-radial block blur border border-b
border-be border-e border-l border-opacity border-r border-s border-spacing border-spacing-x border-t border-x
border-y bottom box break brightness caret clear col col-end col-span col-start columns contain content contrast
cursor decoration delay display divide divide-opacity divide-x divide-y drop-shadow duration ease end field-sizing
fill filter flex flex-grow flex-shrink float font font-stretch from gap gap-x gap-y grayscale grid grid-cols grid-flow
grid-rows grow h hue-rotate hyphens indent inset inset-ring inset-shadow inset-x inset-y invert isolation items
justify justify-items justify-self leading left line-clamp list list-image m mask mask-b-from mask-linear
mask-radial-at max-h max-w mb me min-h min-w mix-blend ml mr ms mt mx my object opacity order origin outline
outline-offset overflow overflow-x overscroll p pb pe perspective pl place-content place-items placeholder
placeholder-opacity pointer-events pr ps pt px py resize right ring ring-offset ring-opacity rotate rotate-x rounded
rounded-b rounded-e rounded-l rounded-r rounded-s rounded-t rounded-tl row row-end row-span row-start saturate scale
scale-x scale-y scheme scroll scroll-m scroll-mt scroll-p scroll-px self sepia shadow shrink size skew skew-x snap
space-x space-y start stroke table tab text text-opacity text-shadow to top touch tracking transform transition
translate translate-x translate-y translate-z underline-offset via w whitespace will-change wrap z zoom inline
max-inline min-block scrollbar-thumb
"""
)
WORDS = _words(
    """
absolute antialiased auto balance baseline between black blink block bold both bounce bottom break-all break-words
capitalize center circle clip col collapse contain container contents cover current dashed default disc dotted double
dvh ellipsis end evenly extrabold fit fixed flex flow-root full grab grid hidden hover in inherit initial inline
inline-block inline-flex inner invisible isolate italic justify left lg light line-through linear lowercase max md
medium middle min mono move multiply no-repeat none normal not-italic nowrap opacity out pan-x ping pointer pretty
prose px pulse relative repeat reverse right ring rounded row safe scale screen screen-md sans semibold serif shadow
sm smooth snug solid spin square static sticky stretch subgrid svh table thin tight top tr transform transparent
truncate underline uppercase video visible wavy wide white x xl xs y 2xl 3xl 7xl 2xs 3xs ultrawide start fine-print
scroll local
"""
)
FAMILIES = _words(
    """
slate gray zinc stone red orange amber lime green teal sky blue indigo violet purple pink rose mauve taupe grey brand
"""
)
SHADES = _words(
    """
50 100 200 300 400 500 600 700 800 900 950 550 1000 0
"""
)
NUMBERS = _words(
    """
0 0.5 1 1.5 2 2.25 2.3 3 3.75 4 6 7 8 9 10 11 12 13 16 17 24 33 37 45 50 64 75 90 95 96 100 105 110 150 180 200 300
700 999 1000 01 1.50 -1 1e3
"""
)
ARBITRARY = _words(
    """
[10px] [1.5rem] [37%] [#1da1f2] [#fff] [rgb(0_0_0/0.5)] [rgba(0,0,0,.3)] [var(--x)] [--x] [color:var(--x)]
[length:var(--x)] [calc(100%-2rem)] [url('/a.png')] [url(https://a.b/c.png)] [linear-gradient(90deg,red,blue)]
[image:var(--x)] [1fr_auto] [minmax(0,1fr)] [repeat(auto-fit,minmax(10rem,1fr))] ['x'] ["a;b"] [a;b] [] [_] [a]b] [(]
[)] [a:b] [:x] [foo] [red] [3] [.5] [45deg] [200ms] [0_1px_2px_#000] [inherit] [theme(colors.red.500)]
[theme(spacing.4)] [min(10px,5vw)] [position:top_left] [percentage:3%] [number:3] [family-name:Inter] ['Open_Sans']
[center_top] [100svh] [16/9] [cubic-bezier(0.4,0,0.2,1)] [url(data:image/svg+xml;utf8,<svg/>)]
[url("data:image/png;base64,AA==")] [&>p] [{a}] (--x) (color:--x) (x) () (length:--y)
"""
)
MODIFIERS = _words(
    """
/50 /5 /37 /2.5 /150 /101 /[0.3] /[var(--o)] /(--o) /6 /tight /none /foo /oklch /longer / /[] /50/50 /1.25 /7.3
"""
)
STATIC = _words(
    """
flex hidden block inline-flex grid sr-only not-sr-only truncate underline italic antialiased isolate relative absolute
fixed sticky visible invisible collapse container uppercase capitalize grow shrink resize border rounded shadow ring
blur filter transition ordinal tabular-nums flex-1 flex-auto flex-wrap items-center justify-between w-full h-screen
min-h-screen max-w-7xl max-w-prose max-w-screen-lg mx-auto inset-0 text-lg text-balance font-semibold leading-6
tracking-tight bg-gradient-to-r bg-linear-to-r from-10% object-cover overflow-hidden rounded-full shadow-lg
ring-offset-2 opacity-75 animate-spin animate-pulse cursor-pointer select-none space-y-4 -mt-px divide-y line-clamp-3
aspect-video size-6 flex-grow-0 flex-shrink overflow-ellipsis decoration-clone box-decoration-slice break-words
outline-none outline-hidden transform-gpu backdrop-blur-sm bg-blend-multiply mix-blend-screen place-items-center
self-end order-first col-span-full row-start-2 grid-cols-3 auto-rows-fr list-disc snap-x snap-mandatory touch-pan-x
will-change-transform content-none
"""
)
VARIANTS = _words(
    """
hover focus active disabled visited first last odd even before after placeholder file marker selection first-letter
open checked invalid focus-within focus-visible group-hover peer-checked group-focus/name peer-invalid/email sm md lg
xl 2xl max-md max-lg min-sm min-[900px] max-[40rem] dark print portrait motion-safe motion-reduce contrast-more rtl
ltr aria-expanded aria-[sort=ascending] data-open data-[state=open] data-[size=large] group-data-[state=open]
peer-aria-checked supports-[display:grid] supports-grid not-hover not-first has-[:checked] has-checked has-[>img]
group-has-[a] peer-has-checked in-focus in-data-current nth-3 nth-[2n+1] nth-last-2 nth-of-type-4 * ** @md @lg/main
@max-md @[400px] @min-[20rem]/side [&>p] [&_a] [&:nth-child(3)] [.dark_&] [svg] [@media(width>=600px)]
[@supports(display:grid)] [>a] [p,a] [&:is(a,b)] group-[.open] group-[&:hover]/item peer-[.x] not-[.a] not-md
not-group-hover not-supports-[display:grid] in-[.card] group-not-hover starting inert noscript pointer-coarse
forced-colors user-invalid enabled target only-child first-of-type read-only autofill hovr hover-focus md-lg tablet
group peer data aria not has in group-md has-print hover/x md/foo focus-[a] nth-x data-[] [] [a]b
"""
)
OTHERS = _words(
    """
fa fas fa-home fa-solid fa-arrow-right bi bi-star material-icons animate-on-scroll animate-fade-in btn btn-primary
btn-lg card card-body navbar hero hero-section nav-link group peer group/item peer/name dark light active is-active
js-toggle container-fluid row col-md-6 d-flex text-primary bg-primary text-muted-foreground bg-brand-500 border-accent
glass gradient-text section-title feature-card custom-shadow hover-lift fade-in slide-up reveal delay-100ms
text-shadow-glow scroll-smooth-x text-gray bg-blue font-inter font-poppins w-100 h-50vh mt-auto-x px-4px grid-col-3
flex-column align-center justify-content-center items-middle text-bold bg-gradient rounded-10px shadow-soft p-4rem m-a
lucide lucide-home swiper swiper-slide aos-init data-aos {{name}} ${x} <%= x %> @click :class x-show href="#"
https://a.b/c a,b flex; flex, .flex #flex flex. flex{ --x -x - : ! !! / [ ] ( ) % 12 flex-flex-flex text-text-center
hover: hover::flex :hover:flex !flex! prose prose-lg not-prose form-input line-clamp-2.5 aspect-w-16 aspect-h-9
scrollbar-hide no-scrollbar
"""
)


def candidates(count: int, seed: int = SEED) -> list[str]:
    """`count` different names, in a random order."""
    rng = random.Random(seed)
    found: dict[str, None] = dict.fromkeys((*STATIC, *OTHERS))
    while len(found) < count:
        found.setdefault(_name(rng))
    names = list(found)
    rng.shuffle(names)
    return names


def _name(rng: random.Random) -> str:
    base = _base(rng)
    if rng.random() < 0.1:
        base = _typo(rng, base)
    if rng.random() < 0.12:
        base = rng.choice(("!" + base, base + "!"))
    variants = [rng.choice(VARIANTS) for _ in range(rng.choice((0, 0, 0, 1, 1, 1, 2, 3)))]
    return ":".join([*variants, base])


def _base(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.08:
        return rng.choice(OTHERS)
    if kind < 0.25:
        return rng.choice(STATIC)
    if kind < 0.3:
        return _property(rng)
    root, value = rng.choice(ROOTS), _value(rng)
    sign = "-" if rng.random() < 0.12 else ""
    modifier = rng.choice(MODIFIERS) if rng.random() < 0.2 else ""
    return f"{sign}{root}-{value}{modifier}" if value else f"{sign}{root}{modifier}"


def _value(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.25:
        return f"{rng.choice(FAMILIES)}-{rng.choice(SHADES)}"
    if kind < 0.45:
        return rng.choice(NUMBERS)
    if kind < 0.7:
        return rng.choice(ARBITRARY)
    if kind < 0.92:
        return rng.choice(WORDS)
    if kind < 0.96:
        return f"{rng.choice(NUMBERS)}/{rng.choice(NUMBERS)}"
    return rng.choice((f"{rng.choice(NUMBERS)}%", ""))


def _property(rng: random.Random) -> str:
    name = rng.choice(("color", "mask-type", "--gap", "-webkit-mask", "margin-inline", "Color", "x", "3d", ""))
    value = rng.choice(("red", "luminance", "1px_2px", "var(--x)", "url(a.png)", "", ";", "a]b", "{}", "'x'"))
    return f"[{name}:{value}]{rng.choice(('', '', '', '/50', '/x'))}"


def _typo(rng: random.Random, name: str) -> str:
    at = rng.randrange(len(name))
    edit = rng.randrange(4)
    if edit == 0:
        return name[:at] + name[at + 1 :] or "x"
    if edit == 1:
        return name[:at] + rng.choice("abcdegmnoprstxz-5:/") + name[at:]
    if edit == 2:
        return name[:at] + rng.choice("abcdegmnoprstxz-5.") + name[at + 1 :]
    return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
