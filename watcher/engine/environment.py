"""The environment of the engine's processes: an allow list, because no list of secrets is ever whole.

The host reads checkpoints, which are foreign input, and loads a large library; it has no use for a key of W&B, of a
cloud or of a webhook. It is offline, so a gated base has to be in the Hugging Face cache already, and `HF_TOKEN` is not
passed either. A trainer's own (`RANK`, `MASTER_ADDR`, …) would make vLLM a part of the training.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from watcher.engine.capacity import CPU_CACHE_GIB, CPU_CACHE_SPACE

_NAMES = """
    PATH HOME USER LOGNAME SHELL PWD TMPDIR TMP TEMP TZ LANG LANGUAGE TERM
    LD_LIBRARY_PATH LD_PRELOAD LIBRARY_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH CC CXX MAX_JOBS GLIBC_TUNABLES
    PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONNOUSERSITE PYTHONHASHSEED PYTHONWARNINGS PYTHONDONTWRITEBYTECODE
    VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV
    HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_MODULES_CACHE TRANSFORMERS_CACHE TRANSFORMERS_VERBOSITY
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    NVIDIA_VISIBLE_DEVICES NVIDIA_DRIVER_CAPABILITIES NVIDIA_TF32_OVERRIDE NVIDIA_REQUIRE_CUDA
    """
_PASSED = frozenset(_NAMES.split())
# By these begin the settings of vLLM, of torch and what it stands on: devices, compilers, threads, transport.
_PREFIXES = (
    *("VLLM_", "TORCH_", "TORCHINDUCTOR_", "TORCHDYNAMO_", "PYTORCH_", "INDUCTOR_", "AOT_INDUCTOR_", "TRITON_"),
    *("CUDA", "CUBLAS_", "CUDNN_", "CUTLASS_", "FLASHINFER_", "FLASH_ATTENTION_", "NVTE_", "NVCC_"),
    *("NCCL_", "NVSHMEM_", "GLOO_", "UCX_", "ROCM_", "ROCR_", "HIP_", "HSA_", "MIOPEN_", "PJRT_", "ZE_", "SYCL_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "ONEDNN_", "DNNL_", "MALLOC_", "TCMALLOC_", "LC_"),
)
_SECRET = re.compile(r"(SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY)|(_KEY|_TOKEN|_PWD)(_FILE)?$")
_FIXED = {
    # One process instead of three: the host is already a process of its own, starting is several times faster,
    # and scheduling is deterministic.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    # Either would have another directory served than the one that is named.
    "VLLM_MODEL_REDIRECT_PATH": "",
    "VLLM_USE_MODELSCOPE": "0",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONUNBUFFERED": "1",
    "NO_COLOR": "1",
    "VLLM_LOGGING_COLOR": "0",
}


def vllm_variables() -> tuple[str, ...]:
    """The user's own variables for vLLM, `NAME=value`, without secrets and places of files."""
    own = (name for name in os.environ if name.startswith("VLLM_") and not name.endswith(("_ROOT", "_DIR")))
    return tuple(f"{name}={os.environ[name]}" for name in sorted(own) if _is_passed(name, os.environ[name]))


def engine_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of `environ` that an engine may need, and no secret among them.

    >>> engine_variables({"CUDA_HOME": "/cuda", "AWS_SECRET_ACCESS_KEY": "s", "VLLM_API_KEY": "s", "LC_ALL": "C"})
    {'CUDA_HOME': '/cuda', 'LC_ALL': 'C'}
    """
    return {name: value for name, value in environ.items() if _is_passed(name, value)}


def host_environment(device_env: Mapping[str, str], cache: Path) -> dict[str, str]:
    """The environment of an engine's process: `engine_variables`, uimon's settings, and `device_env` above all.

    `cache` keeps what vLLM compiles, unless the user has a place for that.
    """
    inherited = engine_variables(os.environ)
    inherited.setdefault("VLLM_CACHE_ROOT", str(cache))
    if not inherited.get(CPU_CACHE_SPACE, "").strip():
        inherited[CPU_CACHE_SPACE] = str(CPU_CACHE_GIB)
    if shutil.which((inherited.get("CXX") or "g++").split()[0]) is None:
        # vLLM lets torch compile some small functions; without a compiler the engine would not start.
        inherited.setdefault("TORCHDYNAMO_DISABLE", "1")
    # Whatever a checkpoint names that is on the hub is not on this machine either: bases are found by the parent.
    hub = {"HF_HUB_CACHE": str(cache / "no-hub"), "HF_MODULES_CACHE": str(cache / "no-modules")}
    return {**inherited, **_FIXED, **hub, **device_env}


def _is_passed(name: str, value: str) -> bool:
    # A proxy's address may hold a password.
    if name.upper().endswith("_PROXY") and "@" in value:
        return False
    return name in _PASSED or (name.startswith(_PREFIXES) and not _SECRET.search(name))
