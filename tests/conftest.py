"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def vllm_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all the engines of a session: with an empty one vLLM starts a process of its own, seconds long,
    to look at each kind of model. A cache that the caller has named is left in force.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "VLLM_CACHE_ROOT" not in os.environ:
            patch.setenv("VLLM_CACHE_ROOT", str(tmp_path_factory.mktemp("vllm-cache")))
        yield
