#!/usr/bin/python3
"""
LLaDA's published sampler, on this folder's network; the reference that the serving side is compared with.

Owns: `generate`, statement for statement as in ML-GSAI/LLaDA generate.py (checked against test/golden/generate.json).
Does not own: anything faster. It runs every step on the whole canvas and keeps no cache.

    generate.py [--model FOLDER] [--steps 64] [--length 64] [--block 32] "Tell me a story about a cat named Tom."
"""

import argparse
from pathlib import Path

import torch
from torch.nn import functional

from checkpoint import read_config, read_tensors
from network import MaskPredictor
from tokenizer import Tokenizer, chat_prompt


def load_network(directory):
    """Returns the network of a checkpoint folder, in evaluation mode, on the GPU if there is one."""
    network = MaskPredictor(read_config(directory))
    network.load_state_dict(read_tensors(directory))
    return network.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def add_gumbel_noise(logits, temperature):
    """Returns `exp(logits) / (-log u)^temperature` in float64: its argmax is a sample. 0: the logits themselves."""
    if temperature == 0:
        return logits
    logits = logits.to(torch.float64)
    noise = torch.rand_like(logits, dtype=torch.float64)
    return logits.exp() / (-torch.log(noise)) ** temperature


def transfer_schedule(masked_counts, steps):
    """Returns how many tokens each step commits, `[rows, steps]`: even, the remainder in the first steps."""
    base, remainder = masked_counts // steps, masked_counts % steps
    return base[:, None] + (torch.arange(steps, device=masked_counts.device) < remainder[:, None]).long()


@torch.no_grad()
def generate(
    network, prompt, attention_mask=None, steps=128, gen_length=128, block_length=128, temperature=0.0, cfg_scale=0.0,
    remasking="low_confidence", mask_id=2, eos_id=1, eot_id=5, logits_eos_inf=False, confidence_eos_eot_inf=False,
):  # fmt: skip
    """
    Fills `gen_length` masks after each prompt.

    prompt: `[batch, length]` ids, left padded where attention_mask `[batch, length]` is 0.
    Returns `[batch, length + gen_length]` ids. Where quota and ties leave a choice, torch.topk decides, as published.
    """
    rows, prompt_length = prompt.shape
    x = torch.full((rows, prompt_length + gen_length), mask_id, dtype=torch.long, device=prompt.device)
    x[:, :prompt_length] = prompt
    if attention_mask is not None:
        attention_mask = torch.cat([attention_mask, attention_mask.new_ones(rows, gen_length)], 1)
    prompt_index = x != mask_id
    block_count = gen_length // block_length
    block_steps = steps // block_count
    for block in range(block_count):
        start, end = prompt_length + block * block_length, prompt_length + (block + 1) * block_length
        quota = transfer_schedule((x[:, start:end] == mask_id).sum(1), block_steps)
        for step in range(block_steps):
            mask_index = x == mask_id
            if cfg_scale > 0:
                unconditional = x.masked_fill(prompt_index, mask_id)
                doubled_mask = None if attention_mask is None else attention_mask.repeat(2, 1)
                logits, unconditional = network(torch.cat([x, unconditional]), attention_mask=doubled_mask).chunk(2)
                logits = unconditional + (cfg_scale + 1) * (logits - unconditional)
            else:
                logits = network(x, attention_mask=attention_mask)
            if logits_eos_inf:
                logits[:, :, eos_id] = -torch.inf
            noisy = add_gumbel_noise(logits, temperature)
            candidate = noisy.argmax(-1)
            if confidence_eos_eot_inf:
                # As published: at temperature 0 `noisy` is `logits`, so both ids leave the softmax below.
                noisy[:, :, eos_id] = logits[:, :, eot_id] = -torch.inf
            if remasking == "low_confidence":
                confidence = functional.softmax(logits, -1).gather(-1, candidate[:, :, None])[:, :, 0]
            else:
                confidence = torch.rand(x.shape, device=x.device)
            confidence[:, end:] = -torch.inf
            confidence = confidence.masked_fill(~mask_index, -torch.inf)
            for row in range(rows):
                commit = confidence[row].topk(int(quota[row, step])).indices
                commit = commit[mask_index[row, commit]]
                x[row, commit] = candidate[row, commit]
    return x


def answer(network, tokenizer, requests, length, steps, block):
    """Returns the answers to single-turn chat requests, one batch, temperature 0."""
    prompts = [tokenizer.encode(chat_prompt(request)) for request in requests]
    width = max(len(prompt) for prompt in prompts)
    pad = network.config["pad_token_id"]
    device = next(network.parameters()).device
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
    attention = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    out = generate(network, ids, attention, steps=steps, gen_length=length, block_length=block)
    return [tokenizer.decode(row[width:].tolist()) for row in out]


def main():
    default = Path(__file__).resolve().parent.parent / "model" / "default"
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("request", nargs="+")
    arguments.add_argument("--model", type=Path, default=default)
    arguments.add_argument("--length", type=int, default=64, help="tokens to generate")
    arguments.add_argument("--steps", type=int, default=64)
    arguments.add_argument("--block", type=int, default=32)
    options = arguments.parse_args()
    network, tokenizer = load_network(options.model), Tokenizer(options.model)
    for text in answer(network, tokenizer, options.request, options.length, options.steps, options.block):
        print(text)


if __name__ == "__main__":
    main()
