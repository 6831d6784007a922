"""Tiny random models of the families that vLLM serves on a CPU: a configuration for each, written as trainers write it.

`FAMILIES` maps a name to a function of the tokenizer that returns the configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.real.making import shape

Configure = Callable[[Any], Any]


def _family(kind: str, **own: Any) -> Configure:
    """The configuration class `kind` of transformers with the usual shape and what is its own; None drops a key."""

    def configure(tokens: Any) -> Any:
        import transformers

        values = {**shape(tokens), **own}
        return getattr(transformers, kind)(**{key: value for key, value in values.items() if value is not ...})

    return configure


_DEEPSEEK = {
    "num_key_value_heads": 4,
    "moe_intermediate_size": 64,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "first_k_dense_replace": 1,
    # vLLM's kernels know the one size that the models have.
    "kv_lora_rank": 512,
    "q_lora_rank": None,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 64,
    "v_head_dim": 32,
    "n_group": 1,
    "topk_group": 1,
}
# What the configurations on the hub say and transformers leaves to its own default.
_SIGMOID = {"topk_method": "noaux_tc", "scoring_func": "sigmoid"}

DENSE: dict[str, Configure] = {
    "llama": _family("LlamaConfig"),
    "llama-tied": _family("LlamaConfig", tie_word_embeddings=True),
    "mistral": _family("MistralConfig", sliding_window=None),
    "qwen2": _family("Qwen2Config"),
    "qwen2-tied": _family("Qwen2Config", tie_word_embeddings=True),
    "qwen3": _family("Qwen3Config", head_dim=32),
    "gemma": _family("GemmaConfig", head_dim=32),
    "gemma2": _family("Gemma2Config", head_dim=32, query_pre_attn_scalar=32, sliding_window=512),
    "gemma3": _family("Gemma3TextConfig", head_dim=32, query_pre_attn_scalar=32, sliding_window=512),
    "gemma4": _family(
        "Gemma4TextConfig",
        head_dim=32,
        global_head_dim=32,
        hidden_size_per_layer_input=32,
        vocab_size_per_layer_input=...,
        num_kv_shared_layers=0,
    ),
    "ministral3": _family("Ministral3Config", head_dim=32, sliding_window=None),
    "phi3": _family("Phi3Config"),
    "olmo2": _family("Olmo2Config"),
    "olmo3": _family("Olmo3Config", sliding_window=512),
    "granite": _family("GraniteConfig"),
    "starcoder2": _family("Starcoder2Config"),
    "stablelm": _family("StableLmConfig"),
    "smollm3": _family("SmolLM3Config"),
    "glm4": _family("Glm4Config", head_dim=32),
    "cohere2": _family("Cohere2Config", sliding_window=512),
    "gpt-neox": _family("GPTNeoXConfig", num_key_value_heads=...),
    "gpt2": _family("GPT2Config", num_key_value_heads=..., intermediate_size=..., n_inner=256),
    "phi": _family("PhiConfig", num_key_value_heads=4),
    "exaone4": _family("Exaone4Config", sliding_window=512, head_dim=32),
    "seed-oss": _family("SeedOssConfig", head_dim=32),
    "ernie4.5": _family("Ernie4_5Config", head_dim=32),
    "hunyuan": _family("HunYuanDenseV1Config", head_dim=32),
    "falcon": _family("FalconConfig", num_key_value_heads=..., intermediate_size=..., new_decoder_architecture=False),
    "opt": _family("OPTConfig", num_key_value_heads=..., intermediate_size=..., ffn_dim=256, word_embed_proj_dim=128),
    "bloom": _family("BloomConfig", num_key_value_heads=..., intermediate_size=...),
    "gptj": _family("GPTJConfig", num_key_value_heads=..., intermediate_size=..., rotary_dim=32, n_inner=256),
    "mpt": _family(
        "MptConfig",
        num_key_value_heads=...,
        intermediate_size=...,
        d_model=128,
        n_heads=4,
        n_layers=2,
        max_seq_len=1024,
    ),
    "nemotron": _family("NemotronConfig"),
    "arcee": _family("ArceeConfig"),
    "lfm2": _family(
        "Lfm2Config",
        layer_types=["full_attention", "conv"],
        **{"block_dim": 128, "block_ff_dim": 256, "block_multiple_of": 256, "conv_dim": 128},
        block_ffn_dim_multiplier=1.0,
        block_auto_adjust_ff_dim=False,
    ),
    "gemma3n-text": _family(
        "Gemma3nTextConfig",
        head_dim=32,
        num_hidden_layers=4,
        intermediate_size=[256] * 4,
        hidden_size_per_layer_input=32,
        vocab_size_per_layer_input=...,
        num_kv_shared_layers=0,
        laurel_rank=8,
        sliding_window=512,
        layer_types=["sliding_attention", "full_attention"] * 2,
    ),
}

MIXTURES: dict[str, Configure] = {
    "llama4": _family(
        "Llama4TextConfig",
        head_dim=32,
        num_local_experts=4,
        intermediate_size_mlp=256,
        num_experts_per_tok=1,
        interleave_moe_layer_step=2,
    ),
    "qwen2-moe": _family(
        "Qwen2MoeConfig",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        shared_expert_intermediate_size=64,
        num_key_value_heads=4,
    ),
    "qwen3-moe": _family("Qwen3MoeConfig", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=64, head_dim=32),
    "mixtral": _family("MixtralConfig", num_local_experts=4, num_experts_per_tok=2),
    "olmoe": _family("OlmoeConfig", num_experts=4, num_experts_per_tok=2, num_key_value_heads=4),
    "deepseek-v2": _family("DeepseekV2Config", **_DEEPSEEK),
    "deepseek-v3": _family("DeepseekV3Config", **_DEEPSEEK, **_SIGMOID),
    "granite-moe": _family("GraniteMoeConfig", num_local_experts=4, num_experts_per_tok=2),
    "granite-moe-shared": _family(
        "GraniteMoeSharedConfig", num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=64
    ),
    "phimoe": _family("PhimoeConfig", num_local_experts=4, num_experts_per_tok=2, head_dim=32),
    "gpt-oss": _family(
        "GptOssConfig",
        num_local_experts=4,
        num_experts_per_tok=2,
        head_dim=64,
        num_key_value_heads=2,
        sliding_window=128,
    ),
    "glm4-moe": _family(
        "Glm4MoeConfig",
        n_routed_experts=4,
        n_shared_experts=1,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        first_k_dense_replace=1,
        head_dim=32,
        n_group=1,
        topk_group=1,
    ),
    "ernie4.5-moe": _family(
        "Ernie4_5_MoeConfig",
        moe_num_experts=4,
        moe_k=2,
        moe_intermediate_size=64,
        moe_num_shared_experts=1,
        moe_layer_start_index=1,
        moe_layer_end_index=1,
    ),
    "dots1": _family(
        "Dots1Config",
        n_routed_experts=4,
        n_shared_experts=1,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        first_k_dense_replace=1,
        head_dim=32,
        n_group=1,
        topk_group=1,
    ),
    "flex-olmo": _family("FlexOlmoConfig", num_experts=4, num_experts_per_tok=2),
    "hunyuan-moe": _family("HunYuanMoEV1Config", num_experts=4, moe_topk=[2, 2], head_dim=32),
    "minimax-m2": _family(
        "MiniMaxM2Config",
        num_local_experts=4,
        num_experts_per_tok=2,
        head_dim=32,
        rotary_dim=32,
        scoring_func="sigmoid",
        use_routing_bias=True,
    ),
    "qwen3-next": _family(
        "Qwen3NextConfig",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        shared_expert_intermediate_size=64,
        head_dim=32,
        num_hidden_layers=4,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=64,
        linear_value_head_dim=64,
    ),
    "jamba": _family(
        "JambaConfig",
        num_experts=4,
        num_experts_per_tok=2,
        num_hidden_layers=4,
        attn_layer_period=2,
        attn_layer_offset=1,
        expert_layer_period=2,
        expert_layer_offset=1,
        use_mamba_kernels=False,
    ),
    "lfm2-moe": _family(
        "Lfm2MoeConfig",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        num_dense_layers=1,
        layer_types=["full_attention", "conv"],
    ),
    "exaone-moe": _family(
        "ExaoneMoeConfig",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        head_dim=32,
        num_shared_experts=1,
        sliding_window=512,
        first_k_dense_replace=1,
        n_group=1,
        topk_group=1,
    ),
    "afmoe": _family(
        "AfmoeConfig",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        head_dim=32,
        num_dense_layers=1,
        num_shared_experts=1,
        sliding_window=512,
        n_group=1,
        topk_group=1,
        score_func="sigmoid",
        route_norm=True,
    ),
}

FAMILIES = {**DENSE, **MIXTURES}
