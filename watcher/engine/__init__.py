"""The engine room: one child process owns `vllm.LLM`, this process stays light.

`VllmEngine` is all the other rooms need. Nothing imported here imports torch, vLLM or transformers; they live in
`host.py` alone, which runs as a child, so that whatever goes wrong in there (memory, a wedged kernel, a crash in
native code) costs one process group and never the service.
"""

from watcher.engine.supervisor import VllmEngine
from watcher.engine.types import (
    Conversation,
    Deadlines,
    EngineSettings,
    Generation,
    Loaded,
    Perplexity,
    PlainText,
    PromptSpec,
    Rendered,
    Sampling,
)

__all__ = [
    "Conversation",
    "Deadlines",
    "EngineSettings",
    "Generation",
    "Loaded",
    "Perplexity",
    "PlainText",
    "PromptSpec",
    "Rendered",
    "Sampling",
    "VllmEngine",
]
