"""Names of theme colors that design systems give, and that a page may use without defining them.

`bg-primary` is a utility wherever a theme has a color `primary`, and which color that is, the component that uses it
does not say. The names are those that these systems document: shadcn/ui (https://ui.shadcn.com/docs/theming), daisyUI
(https://daisyui.com/docs/colors) and HeroUI (https://heroui.com/docs/customization/colors), whose roles have shades,
too (`primary-500`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product

from scorers.tailwind.utility import MAX_CLASS_LENGTH, Additions, parse_utility

_SHADCN = (
    "background foreground card card-foreground popover popover-foreground primary primary-foreground secondary"
    " secondary-foreground muted muted-foreground accent accent-foreground destructive destructive-foreground border"
    " input ring chart-1 chart-2 chart-3 chart-4 chart-5 sidebar sidebar-background sidebar-foreground sidebar-primary"
    " sidebar-primary-foreground sidebar-accent sidebar-accent-foreground sidebar-border sidebar-ring"
)
_DAISYUI = (
    "primary primary-content secondary secondary-content accent accent-content neutral neutral-content"
    " base-100 base-200 base-300 base-content info info-content success success-content warning warning-content error"
    " error-content"
)
_HEROUI = (
    "default default-foreground danger danger-foreground success-foreground warning-foreground divider overlay focus"
)
_SHADED = ("default", "primary", "secondary", "success", "warning", "danger", "accent", "info", "error")
_SHADES = (50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950)

CONVENTIONAL = Additions(
    colors=frozenset(
        (
            *_SHADCN.split(),
            *_DAISYUI.split(),
            *_HEROUI.split(),
            *(f"{role}-{shade}" for role, shade in product(_SHADED, _SHADES)),
        )
    ),
    shared=True,
)
"""What every page may use, whether or not it defines it."""

# Roles of which any name may be made: `primary-dark`, `brand-600`.
_ROLE_NAMES = (
    "primary secondary tertiary accent brand background foreground surface base muted destructive success warning"
    " error danger info border card popover input ring sidebar chart"
)
_ROLES = frozenset(_ROLE_NAMES.split())
_ENDING = re.compile(rf"-((?:{'|'.join(sorted(_ROLES))})(?:-[a-z0-9]+)*)(?:/[^/]+)?!?$")


def is_conventional(name: str) -> bool:
    """True for a color name that only a theme can define.

    >>> [is_conventional(name) for name in ("primary", "primary-dark", "base-100", "neutral", "overlay", "center")]
    [True, True, True, True, True, False]
    """
    return name in CONVENTIONAL.colors or name.partition("-")[0] in _ROLES


@lru_cache(maxsize=1 << 14)
def conventional_color(name: str) -> str:
    """The color in a class name that would be a utility if a theme had a color called so; empty where there is none.

    >>> conventional_color("hover:bg-primary-dark/50"), conventional_color("btn-primary"), conventional_color("my-card")
    ('primary-dark', '', '')
    """
    match = _ENDING.search(name) if len(name) <= MAX_CLASS_LENGTH else None
    if match is None:
        return ""
    utility = parse_utility(name, Additions(colors=frozenset((match[1],))))
    return "" if utility is None else utility.value
