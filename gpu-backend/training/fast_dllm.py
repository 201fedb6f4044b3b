"""
Fast-dLLM's published samplers on this folder's network; the reference that the serving side's caches are compared with.

Owns: `generate_threshold`, `generate_prefix_cache` and `generate_dual_cache`, statement for statement as in
NVlabs/Fast-dLLM v1 llada/generate.py, with the cached forward pass of its modeling_llada.py (checked against
test/golden/fast.json). Does not own: the network (network.py), LLaDA's own sampler (generate.py).
"""

import torch
from torch.nn import functional

from generate import add_gumbel_noise, transfer_schedule
from network import rotary_table, rotate


def attend(block, x, table, past, replaced):
    """
    One layer's attention output, and its keys and values `[batch, heads, length, head_width]`, keys not rotated.

    past: keys and values of an earlier pass; the own ones follow them, or take the place of columns `replaced`.
    """
    batch, length, width = x.shape
    normed = block.attn_norm(x)

    def split(projected, heads):
        return projected.view(batch, length, heads, block.head_width).transpose(1, 2)

    q = split(block.q_proj(normed), block.head_count)
    k = split(block.k_proj(normed), block.kv_head_count)
    v = split(block.v_proj(normed), block.kv_head_count)
    if past is not None and replaced is None:
        k, v = torch.cat([past[0], k], -2), torch.cat([past[1], v], -2)
    elif past is not None:
        # As published: in place, row by row.
        for row in range(batch):
            columns = replaced[row].nonzero(as_tuple=True)[0]
            past[0][row, :, columns] = k[row]
            past[1][row, :, columns] = v[row]
        k, v = past
    present = (k, v)
    last = k.shape[-2] if replaced is None else int(replaced.nonzero(as_tuple=True)[1].max()) + 1
    cosines, sines = table
    q = rotate(q, (cosines[last - length : last], sines[last - length : last]))
    k = rotate(k, (cosines[: k.shape[-2]], sines[: k.shape[-2]]))
    if block.kv_head_count != block.head_count:
        group = block.head_count // block.kv_head_count
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = (q * block.head_width**-0.5) @ k.transpose(-1, -2)
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
    return block.attn_out(mixed), present


def forward(network, ids, past=None, replaced=None):
    """
    Logits `[batch, length, embedding_size]` of the fed columns, and every layer's keys and values.

    ids: `[batch, length]`, the last columns of the canvas, or with `replaced` (bool `[batch, canvas length]`) those.
    past: what an earlier pass returned; with `replaced` it is written to.
    """
    transformer = network.model["transformer"]
    head_width = network.config["d_model"] // network.config["n_heads"]
    kept = 0 if past is None else past[0][0].shape[-2]
    length = kept if replaced is not None else kept + ids.shape[1]
    table = rotary_table(length, head_width, network.config["rope_theta"], ids.device)
    x, presents = transformer["wte"](ids), []
    for index, block in enumerate(transformer["blocks"]):
        attended, present = attend(block, x, table, None if past is None else past[index], replaced)
        presents.append(present)
        x = x + attended
        normed = block.ff_norm(x)
        x = x + block.ff_out(functional.silu(block.ff_proj(normed)) * block.up_proj(normed))
    head = transformer["wte"] if network.config["weight_tying"] else transformer["ff_out"]
    return functional.linear(transformer["ln_f"](x), head.weight), presents


def choose_transfer(logits, temperature, masked, x, quota, threshold):
    """
    Candidates `[batch, length]` and which of them are committed: `quota` `[batch]` of each row, or with a threshold
    the best one and all that reach it. Confidences are float64, as published.
    """
    candidate = add_gumbel_noise(logits, temperature).argmax(-1)
    share = functional.softmax(logits.to(torch.float64), -1)
    confidence = share.gather(-1, candidate[:, :, None])[:, :, 0]
    candidate = torch.where(masked, candidate, x)
    confidence = torch.where(masked, confidence, -torch.inf)
    chosen = torch.zeros_like(masked)
    counts = masked.sum(1) if threshold is not None else quota
    for row in range(confidence.shape[0]):
        best = confidence[row].topk(int(counts[row])).indices
        chosen[row, best] = True
        if threshold is not None:
            for k in range(1, int(counts[row])):
                if confidence[row, best[k]] < threshold:
                    chosen[row, best[k]] = False
    return candidate, chosen


def start_canvas(prompt, gen_length, mask_id):
    """Returns the canvas: prompts `[batch, length]` without padding, then masks."""
    masks = prompt.new_full((prompt.shape[0], gen_length), mask_id)
    return torch.cat([prompt, masks], 1)


def blocks_of(prompt, gen_length, block_length):
    """Yields the columns `start, end` of each block."""
    for start in range(prompt.shape[1], prompt.shape[1] + gen_length, block_length):
        yield start, start + block_length


@torch.no_grad()
def generate_threshold(
    network, prompt, steps=128, gen_length=128, block_length=128, temperature=0.0, threshold=None, mask_id=2
):  # fmt: skip
    """Fast-dLLM without a cache. Returns `[batch, length + gen_length]` ids and the number of passes."""
    x, passes = start_canvas(prompt, gen_length, mask_id), 0
    block_steps = steps // (gen_length // block_length)
    for start, end in blocks_of(prompt, gen_length, block_length):
        quota = transfer_schedule((x[:, start:end] == mask_id).sum(1), block_steps)
        step = 0
        while True:
            passes += 1
            masked = x == mask_id
            logits, _ = forward(network, x)
            masked[:, end:] = False
            candidate, chosen = choose_transfer(
                logits, temperature, masked, x, None if threshold is not None else quota[:, step], threshold
            )
            x[chosen] = candidate[chosen]
            step += 1
            if not (x[:, start:end] == mask_id).any():
                break
    return x, passes


@torch.no_grad()
def generate_cached(network, prompt, steps, gen_length, block_length, temperature, threshold, mask_id, is_dual):
    """Both cached samplers: what differs is what is kept, and what is fed."""
    x, passes = start_canvas(prompt, gen_length, mask_id), 0
    block_steps = steps // (gen_length // block_length)
    for start, end in blocks_of(prompt, gen_length, block_length):
        quota = transfer_schedule((x[:, start:end] == mask_id).sum(1), block_steps)
        logits, past = forward(network, x)
        masked = x == mask_id
        masked[:, end:] = False
        candidate, chosen = choose_transfer(
            logits, temperature, masked, x, None if threshold is not None else quota[:, 0], threshold
        )
        x[chosen] = candidate[chosen]
        passes += 1
        replaced, fed = None, x[:, start:]
        if is_dual:
            replaced, fed = torch.zeros_like(x, dtype=torch.bool), x[:, start:end]
            replaced[:, start:end] = True
        else:
            past = [(keys[:, :, :start], values[:, :, :start]) for keys, values in past]
        step = 1
        while True:
            passes += 1
            masked = fed == mask_id
            masked[:, block_length:] = False
            logits, _ = forward(network, fed, past, replaced)
            candidate, chosen = choose_transfer(
                logits, temperature, masked, fed, None if threshold is not None else quota[:, step], threshold
            )
            # `fed` is a view of the canvas.
            fed[chosen] = candidate[chosen]
            if not (x[:, start:end] == mask_id).any():
                break
            step += 1
    return x, passes


def generate_prefix_cache(
    network, prompt, steps=128, gen_length=128, block_length=128, temperature=0.0, threshold=None, mask_id=2
):  # fmt: skip
    """Keeps what lies before the block. Returns `[batch, length + gen_length]` ids and the number of passes."""
    return generate_cached(
        network, prompt, steps, gen_length, block_length, temperature, threshold, mask_id, is_dual=False
    )


def generate_dual_cache(
    network, prompt, steps=128, gen_length=128, block_length=128, temperature=0.0, threshold=None, mask_id=2
):  # fmt: skip
    """Keeps what lies around the block. Returns `[batch, length + gen_length]` ids and the number of passes."""
    return generate_cached(
        network, prompt, steps, gen_length, block_length, temperature, threshold, mask_id, is_dual=True
    )
