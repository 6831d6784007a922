"""vLLM as a short script would use it: one `vllm.LLM`, and `generate` for each line of input after the first.

The first line is JSON: `args` of `vllm.LLM`, `prompts` (token ids), and for each prompt the `params` of its sampling.
Each further line is answered with JSON: the seconds that `generate` took, and how many tokens it made.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from watcher.engine.host.runner import cpu_args


def main() -> None:
    """Answer until the input ends."""
    # vLLM logs to the standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import vllm

    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    llm = vllm.LLM(**cpu_args(asked["args"]))
    params = [vllm.SamplingParams(**given) for given in asked["params"]]
    prompts = [{"prompt_token_ids": ids} for ids in asked["prompts"]]
    for _ in sys.stdin:
        started = time.perf_counter()
        done = llm.generate(prompts, params, use_tqdm=False)
        seconds = time.perf_counter() - started
        print(json.dumps([seconds, sum(len(out.outputs[0].token_ids) for out in done)]), file=answers)


if __name__ == "__main__":
    main()
