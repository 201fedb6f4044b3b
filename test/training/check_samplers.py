#!/usr/bin/python3
"""
Checks the PyTorch side of the benchmark against what Fast-dLLM's published code gives, id for id and pass for pass.

    /usr/bin/python3 test/training/check_samplers.py test/golden
"""

import json
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "gpu-backend" / "training"))

import torch  # noqa: E402

from fast_dllm import generate_dual_cache, generate_prefix_cache, generate_threshold  # noqa: E402
from generate import load_network  # noqa: E402
from statements import expect, finish  # noqa: E402

ALGORITHMS = {
    "fastdllm_threshold": generate_threshold,
    "fastdllm_prefix_cache": generate_prefix_cache,
    "fastdllm_dual_cache": generate_dual_cache,
}

directory = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "test" / "golden"
torch.set_num_threads(1)
for case in json.loads((directory / "fast.json").read_text())["cases"]:
    params = {name: value for name, value in case["params"].items() if name != "remasking"}
    network = load_network(directory / case["model"])
    out, passes = ALGORITHMS[case["algorithm"]](network, torch.tensor(case["prompt_ids"]), **params)
    expect(out.tolist() == case["output_ids"], f"{case['name']}: ids")
    expect(passes == case["nfe"], f"{case['name']}: {passes} passes, expected {case['nfe']}")
finish()
