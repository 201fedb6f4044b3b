#!/usr/bin/python3
"""
PyTorch's side of the benchmark: one JSON order a line on standard input, one JSON answer a line on standard output.

Owns: what is timed (CPU seconds of this process, the order's parsing left out) and the answers that prove it right.
Does not own: the samplers (generate.py, fast_dllm.py), which order comes when (the benchmark interleaves them).

    serve_peer.py [--model FOLDER] [--threads 1]
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

from fast_dllm import generate_dual_cache, generate_prefix_cache, generate_threshold
from generate import generate, load_network

CACHED = {"threshold": generate_threshold, "prefix": generate_prefix_cache, "dual": generate_dual_cache}


@torch.no_grad()
def run_forward(network, order):
    """One pass over `ids` `[batch, length]`; id and confidence of the `candidates`, flat indexes."""
    ids = torch.tensor(order["ids"])
    selected = torch.zeros(ids.shape, dtype=torch.bool)
    selected.view(-1)[order["candidates"]] = True
    begun = time.process_time()
    for _ in range(order["repeat"]):
        shares = network(ids, selected).softmax(-1)
        best = shares.max(-1)
    return {"cpu_seconds": time.process_time() - begun, "ids": best.indices.tolist()}


def run_product(_, order):
    """Products of `[rows, inputs]` by `[inputs, outputs]`."""
    left, right = torch.rand(order["rows"], order["inputs"]), torch.rand(order["outputs"], order["inputs"])
    begun = time.process_time()
    for _ in range(order["repeat"]):
        left @ right.T
    return {"cpu_seconds": time.process_time() - begun}


def run_generate(network, order):
    """A whole generation by LLaDA's sampler."""
    prompt = torch.tensor(order["prompt"])
    begun = time.process_time()
    out = generate(network, prompt, **order["params"])
    return {"cpu_seconds": time.process_time() - begun, "ids": out.tolist()}


def run_cached(network, order):
    """A whole generation by one of Fast-dLLM's samplers."""
    prompt = torch.tensor(order["prompt"])
    begun = time.process_time()
    out, passes = CACHED[order["cache"]](network, prompt, **order["params"])
    return {"cpu_seconds": time.process_time() - begun, "ids": out.tolist(), "passes": passes}


RUNS = {"forward": run_forward, "product": run_product, "generate": run_generate, "cached": run_cached}


def main():
    default = Path(__file__).resolve().parent.parent / "model" / "default"
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, default=default)
    arguments.add_argument("--threads", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    network = load_network(options.model)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(RUNS[order["run"]](network, order)), flush=True)


if __name__ == "__main__":
    main()
