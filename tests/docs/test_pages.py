from __future__ import annotations

import pytest

from tests.docs.generate import DOCS, pages
from watcher.settings.config import DECLARED

PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_that_is_made_from_the_code_is_fresh(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name], "run `python -m tests.docs.generate`"


def test_every_setting_is_in_the_table_with_its_option_and_variable() -> None:
    rows = [line for line in PAGES["configuration.md"].splitlines() if line.startswith("| `--")]
    options = [declared for declared in DECLARED.values() if declared.flag]
    assert len(rows) == len(options)
    for row, declared in zip(rows, options, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert cells[:3] == [f"`{declared.flag}`", f"`{declared.variable}`", f"`{declared.name}`"]
        assert cells[-1] == ("yes" if declared.changes_samples else "no")
