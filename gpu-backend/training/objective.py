"""
The forward process and LLaDA's two losses, and the next-token loss of the autoregressive twin.

Owns: where tokens are masked, and what a prediction costs.
Does not own: which rows are trained on (tasks.py).
Source: ML-GSAI/LLaDA GUIDELINES.md, pre-training and SFT.
"""

import torch
from torch.nn import functional

EPS = 1e-3


def mask_probability(t):
    """Returns the masking probability of noise level `t` in [0, 1]: never below EPS."""
    return (1 - EPS) * t + EPS


def draw_noise_levels(rows, stratified, generator):
    """
    Returns one t in [0, 1) per row.

    Stratified: one t in each of `rows` equal strata, in random order; same expectation, smaller variance.
    """
    if not stratified:
        return torch.rand(rows, generator=generator)
    offsets = torch.rand(rows, generator=generator)
    return (torch.randperm(rows, generator=generator) + offsets) / rows


def pretrain_loss(token_loss, masked, p_mask):
    """
    `sum(ce / p_mask) / (B * L)`.

    token_loss: cross entropy in nats at masked columns, row-major. masked: bool `[B, L]`. p_mask: `[B]`.
    """
    weights = (1 / p_mask)[:, None].expand(masked.shape)[masked]
    return (token_loss * weights).sum() / masked.numel()


def supervised_loss(token_loss, masked, p_mask, answer_lengths):
    """`sum(ce / p_mask / answer_length) / B`; `answer_lengths` `[B]` counts the columns after the prompt."""
    weights = (1 / (p_mask * answer_lengths))[:, None].expand(masked.shape)[masked]
    return (token_loss * weights).sum() / masked.shape[0]


def masked_cross_entropy(network, noisy_ids, ids, masked):
    """Returns the cross entropy in nats of every masked column, row-major; the head runs on these alone."""
    return functional.cross_entropy(network(noisy_ids, selected=masked).float(), ids[masked], reduction="none")


def next_token_cross_entropy(network, ids, foretold):
    """
    Returns the cross entropy in nats of every foretold column, row-major, each given the columns before it.

    foretold: bool `[B, L]`, false in the first column, which nothing stands before.
    """
    before = foretold.roll(-1, 1)  # the column whose output says what comes next
    return functional.cross_entropy(network(ids, selected=before).float(), ids[foretold], reduction="none")
