"""JSX and TSX to compare on: files written by a seeded generator, and real ones that npm packages ship as sources.

Real files come from packages under the MIT License. They are fetched when a check runs and stay in the user's cache.
"""

from __future__ import annotations

import json
import random
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.agreement import jsx_pieces as pieces
from tests.agreement.tools import ToolMissing, need, npm

# Packages whose tarballs hold .tsx and .jsx sources; the first ones use Tailwind.
TAILWIND_SOURCES = (
    "@react-email/preview-server@5.2.11",
    "create-llama@0.6.3",
    "create-eth@0.0.65",
    "create-fumadocs-app@16.2.2",
    "create-agent-chat-app@0.1.6",
    "@coinbase/onchainkit@1.1.3",
    "create-onchain@0.0.24",
    "@tanstack/cta-framework-react-cra@0.48.3",
    "create-t3-app@7.40.0",
    "create-next-app@16.4.3",
    "nativewind@4.2.7",
)
OTHER_SOURCES = (
    "create-vite@9.3.0",
    "react-native-paper@5.15.3",
    "@react-navigation/elements@2.9.45",
    "@assistant-ui/react@0.15.22",
    "react-hot-toast@2.6.1",
    "@docusaurus/theme-classic@3.10.2",
    "@copilotkit/react-ui@1.74.0",
    "@refinedev/antd@6.0.3",
    "@uiw/react-md-editor@4.1.2",
    "@shopify/create-hydrogen@5.0.39",
    "create-email@1.2.5",
    "@storybook/react@10.6.7",
)
MAX_FILE = 100_000


def generated(count: int, seed: int) -> dict[str, str]:
    """Files by name; the same for the same seed."""
    return {f"generated {seed}:{n}": _Writer(random.Random(f"{seed}:{n}")).file() for n in range(count)}


class _Writer:
    """Writes one file: imports, types, helpers and some components, in one author's habits."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.semicolon = chance.choice(("", ";"))
        self.typed = chance.random() < 0.7

    def some(self, plain: tuple[str, ...], typed: tuple[str, ...]) -> list[str]:
        """Up to four different pieces."""
        return self.chance.sample(plain + (typed if self.typed else ()), self.chance.randint(0, 4))

    def file(self) -> str:
        chance = self.chance
        parts = ["import React, { useState } from 'react'" + self.semicolon]
        if chance.random() < 0.2:
            parts.insert(0, "'use client'" + self.semicolon)
        if chance.random() < 0.5:
            parts.append('import * as UI from "@/components/ui-kit"\nimport "./style.css"')
        if chance.random() < 0.3:
            parts.append("/** A page. @example <Hero title={1} /> */\n// it's <b> } `")
        parts += (self.filled(helper) for helper in self.some(pieces.HELPERS, pieces.TYPED_HELPERS))
        names = chance.sample(("Hero", "Pricing", "Navbar", "Dashboard", "Panel", "LoginForm"), chance.randint(1, 2))
        for name in names:
            if self.typed:
                parts.append(chance.choice(pieces.TYPES).replace("NAME", name))
            component = chance.choice(pieces.COMPONENTS + (pieces.TYPED_COMPONENTS if self.typed else ()))
            if name != names[-1]:
                component = component.replace("export default", "void" if component.startswith("const") else "")
            parts.append(self.component(component, name))
        return "\n\n".join(parts) + "\n"

    def component(self, template: str, name: str) -> str:
        body = "\n  ".join(line + self.semicolon for line in self.some(pieces.HOOKS, pieces.TYPED_HOOKS))
        props = "{ title, active = false, className, ...props }" + (f": {name}Props" if self.typed else "")
        view = self.element(self.chance.randint(1, 4))
        for mark, text in (("NAME", name), ("PROPS", props), ("BODY", body), ("VIEW", view)):
            template = template.replace(mark, text)
        return template

    def element(self, depth: int) -> str:
        tag = self.chance.choice(pieces.TAGS)
        children = [self.child(depth) for _ in range(self.chance.randint(0, 4))]
        if not children:
            return f"<{tag}{self.attributes()} />"
        indent = "\n" + "  " * (5 - depth)
        return f"<{tag}{self.attributes()}>{indent}{indent.join(children)}{indent}</{tag}>"

    def attributes(self) -> str:
        wanted = [self.filled(self.chance.choice(pieces.CLASS_ATTRIBUTES))] if self.chance.random() < 0.7 else []
        wanted += self.chance.sample(pieces.ATTRIBUTES, self.chance.randint(0, 2))
        joint = self.chance.choice((" ", "\n    "))
        return "".join(joint + attribute for attribute in wanted)

    def child(self, depth: int) -> str:
        chance = self.chance
        if depth <= 0 or chance.random() < 0.3:
            return chance.choice((*pieces.TEXTS, *pieces.CHILDREN, "{title}", "<br />", "<Icon size={16} />"))
        inner = self.element(depth - 1)
        forms = (
            inner,
            inner,
            inner,
            f"{{open && {inner}}}",
            f"{{count > 0 ? {inner} : null}}",
            f"{{items.map((item) => ({inner}))}}",
            f"{{Object.entries(map).filter(([k, v]) => k < v).map(([k]) => {{ return {inner} }})}}",
            f"<>{inner}{self.child(depth - 1)}</>",
        )
        return chance.choice(forms)

    def filled(self, template: str) -> str:
        while "WORDS" in template:
            template = template.replace("WORDS", self.words(), 1)
        return template

    def words(self) -> str:
        chance = self.chance
        found = chance.sample(pieces.UTILITIES, chance.randint(1, 6))
        if chance.random() < 0.3:
            found.append(chance.choice(pieces.OTHER_CLASSES))
        root = chance.choice(("bg", "text", "border", "from"))
        return " ".join([*found, f"{root}-{chance.choice(pieces.COLORS)}-{chance.choice((50, 500, 900))}"])


def real(packages: tuple[str, ...]) -> dict[str, str]:
    """The .tsx and .jsx files of npm packages, by name; a package's repeated files stand once."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for package in packages:
        for name, code in _sources(tarball(package)):
            if code not in seen and len(code) <= MAX_FILE:
                seen.add(code)
                found[f"{package} {name}"] = code
    return found


def tarball(package: str) -> Path:
    """The archive of a package, fetched once; what it depends on is of no use here and is not installed."""
    home = npm({}).parent / "tarballs"
    home.mkdir(exist_ok=True)
    index = home / "index.json"
    known: dict[str, str] = json.loads(index.read_text()) if index.exists() else {}
    if package not in known:
        command = [need("npm", "it comes with Node.js 18 or newer"), "pack", "--silent", package]
        ended = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ToolMissing(f"npm could not fetch {package}: {ended.stderr.strip()[-300:]}")
        known[package] = ended.stdout.split()[-1]
        index.write_text(json.dumps(known))
    return home / known[package]


def _sources(tarball: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(tarball) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith((".tsx", ".jsx")) else None
            if stream is not None:
                yield (
                    member.name.removeprefix("package/"),
                    stream.read().decode("utf-8", "replace").replace("\r\n", "\n"),
                )
