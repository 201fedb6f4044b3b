"""
The mask predictor: LLaDA's transformer, tensor for tensor. Its autoregressive twin is the same with a causal mask.

Owns: the network and its tensor names (`model.transformer.blocks.N.q_proj.weight`, …, all `[out, in]`).
Does not own: files (checkpoint.py), noise and loss (objective.py).
Source: the architecture of ML-GSAI/LLaDA-8B: no causal mask, no biases, no time input.
"""

import torch
from torch import nn
from torch.nn import functional

CAUSAL_KEY = "unmask_causal"  # of config.json; ours, not LLaDA's


class RmsNorm(nn.Module):
    """`w * x / sqrt(mean(x^2) + eps)` over the last dimension."""

    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotary_table(length, head_width, theta, device):
    """Returns cosines and sines `[length, head_width]` of the angles `position * theta^(-2i/head_width)`."""
    frequencies = theta ** (-torch.arange(0, head_width, 2, dtype=torch.float32, device=device) / head_width)
    angles = torch.arange(length, dtype=torch.float32, device=device)[:, None] * frequencies
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


def rotate(x, table):
    """Applies the rotary embedding in half layout to `x` `[batch, heads, length, head_width]`."""
    first, second = x.chunk(2, -1)
    return x * table[0] + torch.cat([-second, first], -1) * table[1]


class Block(nn.Module):
    """One layer: attention in both directions, then a silu-gated feed-forward network."""

    def __init__(self, config):
        super().__init__()
        width, mlp_width = config["d_model"], config["mlp_hidden_size"]
        self.head_count, self.kv_head_count = config["n_heads"], config["n_kv_heads"] or config["n_heads"]
        self.head_width = width // self.head_count
        kv_width = self.kv_head_count * self.head_width
        self.attn_norm = RmsNorm(width, config["rms_norm_eps"])
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, kv_width, bias=False)
        self.v_proj = nn.Linear(width, kv_width, bias=False)
        self.attn_out = nn.Linear(width, width, bias=False)
        self.ff_norm = RmsNorm(width, config["rms_norm_eps"])
        self.ff_proj = nn.Linear(width, mlp_width, bias=False)
        self.up_proj = nn.Linear(width, mlp_width, bias=False)
        self.ff_out = nn.Linear(mlp_width, width, bias=False)

    def forward(self, x, table, bias):
        batch, length, width = x.shape
        normed = self.attn_norm(x)
        q = self.q_proj(normed).view(batch, length, self.head_count, self.head_width).transpose(1, 2)
        k = self.k_proj(normed).view(batch, length, self.kv_head_count, self.head_width).transpose(1, 2)
        v = self.v_proj(normed).view(batch, length, self.kv_head_count, self.head_width).transpose(1, 2)
        q, k = rotate(q, table), rotate(k, table)
        if self.kv_head_count != self.head_count:
            group = self.head_count // self.kv_head_count
            k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = (q * self.head_width**-0.5) @ k.transpose(-1, -2)
        if bias is not None:
            scores = scores + bias
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.attn_out(mixed)
        normed = self.ff_norm(x)
        gate = self.ff_proj(normed)
        # silu written out: PyTorch 1.13's own has no vectorized form in bfloat16.
        return x + self.ff_out(gate * torch.sigmoid(gate) * self.up_proj(normed))


class MaskPredictor(nn.Module):
    """The whole network; `config` is config.json as a dictionary. With CAUSAL_KEY no column sees a later one."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        width = config["d_model"]
        transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config["embedding_size"], width),
                "blocks": nn.ModuleList(Block(config) for _ in range(config["n_layers"])),
                "ln_f": RmsNorm(width, config["rms_norm_eps"]),
            }
        )
        if not config["weight_tying"]:
            transformer["ff_out"] = nn.Linear(width, config["embedding_size"], bias=False)
        self.model = nn.ModuleDict({"transformer": transformer})

    def initialize(self, std=0.02):
        """Draws the weights anew from a normal distribution; what writes to the residual stream starts smaller."""
        residual_std = std / (2 * self.config["n_layers"]) ** 0.5
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                is_residual = "blocks" in name and ("attn_out" in name or "ff_out" in name)
                nn.init.normal_(weight, 0.0, residual_std if is_residual else std)

    def forward(self, ids, selected=None, attention_mask=None):
        """
        Predicts all tokens at once.

        ids: `[batch, length]` int64. selected: bool `[batch, length]`; the output head runs there only.
        attention_mask: `[batch, length]`, 0 for padding that no column attends to.
        Returns logits `[batch, length, embedding_size]`, or `[selected count, embedding_size]` in row-major order.
        """
        transformer = self.model["transformer"]
        head_width = self.config["d_model"] // self.config["n_heads"]
        table = rotary_table(ids.shape[1], head_width, self.config["rope_theta"], ids.device)
        bias = None
        if attention_mask is not None:
            bias = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        if self.config.get(CAUSAL_KEY):
            later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
            causal = torch.zeros_like(later, dtype=torch.float32).masked_fill(later, torch.finfo(torch.float32).min)
            # Two of the lowest numbers would add up to minus infinity.
            bias = causal if bias is None else torch.minimum(bias, causal)
        x = transformer["wte"](ids)
        for block in transformer["blocks"]:
            x = block(x, table, bias)
        if selected is not None:
            x = x[selected]
        head = transformer["wte"] if self.config["weight_tying"] else transformer["ff_out"]
        return functional.linear(transformer["ln_f"](x), head.weight)
