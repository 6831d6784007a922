"""Checkpoints that are not where they are looked for are named, however late they come."""

from __future__ import annotations

import os

import pytest

from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House


def test_a_directory_that_the_trainer_makes_after_the_start_is_said_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="uimon")
    service = house.service(poll=0.02)
    thread = run_in_thread(service)
    wait_until(service.signals.looked.is_set)
    place = house.root / "outputs" / "2026-11-28"
    write_checkpoint(place, 10)
    wait_until(lambda: str(place) in caplog.text)
    write_checkpoint(place, 20)
    service.stop()
    thread.join(10)
    assert caplog.text.count("holds no checkpoint itself") == 1


@pytest.mark.parametrize("with_state", [False, True])
def test_once_does_not_pass_over_a_directory_that_is_a_model_itself(
    house: House, caplog: pytest.LogCaptureFixture, with_state: bool
) -> None:
    path = write_checkpoint(house.root.parent / "made", 10)
    for file in path.iterdir():
        if with_state or file.name != "trainer_state.json":
            os.rename(file, house.root / file.name)  # noqa: PTH104
    service = house.service(once=True)
    with caplog.at_level("INFO", logger="uimon"):
        service.run()
    assert service.lacking
    assert f"uimon eval {house.root}" in caplog.text


def test_once_names_a_link_beside_what_it_has_evaluated(house: House, caplog: pytest.LogCaptureFixture) -> None:
    write_checkpoint(house.root, 10)
    (house.root / "checkpoint-20").symlink_to(write_checkpoint(house.root.parent / "scratch", 20))
    service = house.service(once=True)
    with caplog.at_level("INFO", logger="uimon"):
        service.run()
    assert service.lacking
    assert "1 of 1 checkpoints are evaluated. " in caplog.text
    assert f"name the directory {house.root.parent}/scratch" in caplog.text
