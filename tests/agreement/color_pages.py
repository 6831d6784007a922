"""Components as models write them against shadcn's names, with the style sheet that says what the names are."""

from __future__ import annotations

import random
from collections.abc import Mapping

_HUES = (25, 48, 70, 95, 131, 150, 163, 183, 215, 237, 260, 277, 293, 304, 322, 354)
_BLUE = 260
_ROLES = ("primary", "accent", "secondary", "ring", "chart-1", "chart-2")
_PLACES = ("bg-{}", "text-{}", "border-{}", "hover:bg-{}/90", "ring-{}", "from-{}", "fill-{}", "text-{}/80")
_PLAIN = ("bg-background", "text-foreground", "text-muted-foreground", "bg-card", "border-border", "bg-muted")
_FORMS = ("inline", "v3", "hex")


def themed_page(chance: random.Random, *, blue: bool) -> str:
    """An answer with a style sheet and a component; with `blue`, the same one whose theme has no other hue."""
    hues = [chance.choice(_HUES) for _ in range(chance.randint(1, 2))]
    form = chance.choice(_FORMS)
    theme = {role: (chance.uniform(0.5, 0.75), chance.uniform(0.1, 0.22), chance.choice(hues)) for role in _ROLES}
    code = _component(chance)
    if blue:
        theme = {role: (lightness, chroma, _BLUE) for role, (lightness, chroma, _) in theme.items()}
    return f"```css\n{_sheet(theme, form)}\n```\n\n```tsx\n{code}\n```\n"


def _sheet(theme: Mapping[str, tuple[float, float, float]], form: str) -> str:
    grays = {"background": "#ffffff", "foreground": "#0a0a0a", "card": "#fafafa", "border": "#e5e5e5"}
    grays |= {"muted": "#f5f5f5", "muted-foreground": "#737373"}
    values = {name: _value(color, form) for name, color in theme.items()}
    lines = "\n".join(f"  --{name}: {value};" for name, value in {**grays, **values}.items())
    if form == "v3":
        return f"@tailwind base;\n@layer base {{\n:root {{\n{lines}\n}}\n}}"
    names = "\n".join(f"  --color-{name}: var(--{name});" for name in {**grays, **values})
    return f'@import "tailwindcss";\n:root {{\n{lines}\n}}\n@theme inline {{\n{names}\n}}'


def _value(color: tuple[float, float, float], form: str) -> str:
    lightness, chroma, hue = color
    plain = f"{lightness:.3f} {chroma:.3f} {hue}"
    return plain if form == "v3" else f"oklch({plain})"


def _component(chance: random.Random) -> str:
    parts = "\n".join(_part(chance) for _ in range(chance.randint(4, 20)))
    opening = 'export default function Page() {\n  return (\n    <main className="min-h-screen bg-background">'
    return f"{opening}\n{parts}\n    </main>\n  )\n}}"


def _part(chance: random.Random) -> str:
    plain = " ".join(chance.sample(_PLAIN, 2))
    names = " ".join(chance.choice(_PLACES).format(chance.choice(_ROLES)) for _ in range(chance.randint(1, 3)))
    return f'      <div className="p-{chance.randint(1, 9)} {plain}"><p className="{names}">Words</p></div>'
