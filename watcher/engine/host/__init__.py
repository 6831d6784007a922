"""The engine's child: the only processes that import torch, vLLM, transformers and PEFT."""
