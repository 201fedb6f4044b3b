"""
Model files in the Hugging Face LLaDA layout: config.json and safetensors.

Owns: reading one-file and sharded checkpoints (F32, F16, BF16) and writing one plain file.
Does not own: the network that the tensors belong to (network.py).
"""

import json
import struct

import numpy
import torch

NUMPY_TYPES = {"F32": numpy.float32, "F16": numpy.float16}


def read_config(directory):
    """Returns config.json as a dictionary."""
    return json.loads((directory / "config.json").read_text("utf-8"))


def read_tensors(directory):
    """Returns every tensor of the checkpoint by name, widened to float32."""
    index = directory / "model.safetensors.index.json"
    if index.exists():
        files = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    else:
        files = ["model.safetensors"]
    tensors = {}
    for name in files:
        tensors.update(read_safetensors(directory / name))
    return tensors


def read_safetensors(path):
    """Returns the tensors of one safetensors file by name, widened to float32."""
    data = path.read_bytes()
    header_length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + header_length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + header_length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":
            # The upper half of a float32: shift up, the lower half is zero.
            array = (numpy.frombuffer(data[start:end], numpy.uint16).astype(numpy.uint32) << 16).view(numpy.float32)
        else:
            array = numpy.frombuffer(data[start:end], NUMPY_TYPES[entry["dtype"]]).astype(numpy.float32)
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return tensors


def write_safetensors(path, tensors):
    """Writes float32 tensors, contiguous and in the order given; replaces the file in one step."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes())
    partial.replace(path)


def make_config(vocabulary_size, layer_count, width, head_count, mlp_width, max_length, special_ids):
    """
    Returns a config.json dictionary with the keys of LLaDA-8B's.

    `special_ids` has `eos`, `pad` and `mask`. Embedding and output head are one matrix (`weight_tying`).
    """
    return {
        "activation_type": "silu",
        "alibi": False,
        "alibi_bias_max": 8.0,
        "architectures": ["LLaDAModelLM"],
        "attention_dropout": 0.0,
        "attention_layer_norm": False,
        "attention_layer_norm_with_affine": True,
        "auto_map": {
            "AutoConfig": "configuration_llada.LLaDAConfig",
            "AutoModelForCausalLM": "modeling_llada.LLaDAModelLM",
            "AutoModel": "modeling_llada.LLaDAModelLM",
        },
        "bias_for_layer_norm": False,
        "block_group_size": 1,
        "block_type": "llama",
        "d_model": width,
        "embedding_dropout": 0.0,
        "embedding_size": vocabulary_size,
        "eos_token_id": special_ids["eos"],
        "flash_attention": False,
        "include_bias": False,
        "include_qkv_bias": False,
        "init_cutoff_factor": None,
        "init_device": "meta",
        "init_fn": "mitchell",
        "init_std": 0.02,
        "input_emb_norm": False,
        "layer_norm_type": "rms",
        "layer_norm_with_affine": True,
        "mask_token_id": special_ids["mask"],
        "max_sequence_length": max_length,
        "mlp_hidden_size": mlp_width,
        "mlp_ratio": 4,
        "model_type": "llada",
        "multi_query_attention": None,
        "n_heads": head_count,
        "n_kv_heads": head_count,
        "n_layers": layer_count,
        "pad_token_id": special_ids["pad"],
        "precision": "fp32",
        "residual_dropout": 0.0,
        "rms_norm_eps": 1e-05,
        "rope": True,
        "rope_full_precision": True,
        "rope_theta": 10000.0,
        "scale_logits": False,
        "transformers_version": "4.46.3",
        "use_cache": False,
        "vocab_size": vocabulary_size,
        "weight_tying": True,
    }
