#!/usr/bin/python3
"""
Checks the training code against LLaDA's published code, by the golden vectors.

Losses within 1e-4 relative, gradient norms within 1e-3 relative, generated ids exact.

    /usr/bin/python3 test/training/check_golden.py test/golden
"""

import json
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "gpu-backend" / "training"))

import torch  # noqa: E402

from generate import generate, load_network  # noqa: E402
from objective import mask_probability, masked_cross_entropy, pretrain_loss, supervised_loss  # noqa: E402
from statements import expect, finish  # noqa: E402

def is_close(value, expected, tolerance):
    """Returns whether every value lies within `tolerance` of the expected one, relative to the latter."""
    value, expected = torch.as_tensor(value), torch.as_tensor(expected)
    return bool(((value - expected).abs() <= tolerance * expected.abs()).all())


def check_training_case(case, directory):
    """One loss with its gradients, for given noise."""
    network = load_network(directory / case["model"])
    device = next(network.parameters()).device
    ids, noisy = torch.tensor(case["input_ids"], device=device), torch.tensor(case["noisy_ids"], device=device)
    p_mask = mask_probability(torch.tensor(case["t"]))
    expect(is_close(p_mask, case["p_mask"], 1e-5), f"{case['name']}: p_mask")
    p_mask = p_mask.to(device)
    masked = noisy == network.config["mask_token_id"]
    token_loss = masked_cross_entropy(network, noisy, ids, masked)
    if case["kind"] == "pretrain":
        loss = pretrain_loss(token_loss, masked, p_mask)
    else:
        lengths = ids.shape[1] - torch.tensor(case["prompt_lengths"], device=device)
        loss = supervised_loss(token_loss, masked, p_mask, lengths)
    weighted = token_loss / p_mask[:, None].expand(ids.shape)[masked]
    expect(is_close(weighted.detach().cpu(), case["token_loss"], 1e-4), f"{case['name']}: loss of each token")
    expect(is_close(loss.item(), case["loss"], 1e-4), f"{case['name']}: loss {loss.item()}, expected {case['loss']}")
    loss.backward()
    norms = {name: weight.grad.norm().item() for name, weight in network.named_parameters()}
    expect(set(norms) == set(case["grad_norm"]), f"{case['name']}: tensor names")
    for name, expected in case["grad_norm"].items():
        expect(is_close(norms[name], expected, 1e-3), f"{case['name']}: gradient norm of {name}")


def check_generate_case(case, directory):
    """One whole generation, id for id."""
    network = load_network(directory / case["model"])
    device = next(network.parameters()).device
    attention = case["attention_mask"] and torch.tensor(case["attention_mask"], device=device)
    out = generate(network, torch.tensor(case["prompt_ids"], device=device), attention, **case["params"])
    expect(out.tolist() == case["output_ids"], f"generate {case['name']}: ids")


directory = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "test" / "golden"
torch.set_num_threads(1)
for case in json.loads((directory / "training.json").read_text())["cases"]:
    check_training_case(case, directory)
if (directory / "generate.json").exists():
    for case in json.loads((directory / "generate.json").read_text())["cases"]:
        check_generate_case(case, directory)
finish()
