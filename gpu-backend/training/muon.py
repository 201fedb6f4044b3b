"""
Muon: momentum whose update is orthogonalized, for the two-dimensional weights inside the blocks.

Owns: the optimizer of those weights. Embeddings and norms are trained by AdamW (train.py).
Source: Keller Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the polynomial's
coefficients are theirs.
"""

from collections import defaultdict

import torch


def orthogonalize(matrices, steps=5):
    """Moves the singular values of `[count, rows, columns]` matrices towards 1 by a Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.transpose(1, 2) if matrices.shape[1] > matrices.shape[2] else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * square @ square) @ x
    return x.transpose(1, 2) if matrices.shape[1] > matrices.shape[2] else x


class Muon(torch.optim.Optimizer):
    """
    Nesterov momentum, orthogonalized per matrix; weights of one shape go through the iteration together.

    product_type: of the iteration's products; float32 or bfloat16, which is exact enough for it.
    """

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.0, product_type=torch.float32):
        self.product_type = product_type
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for weight in group["params"]:
                by_shape[weight.shape].append(weight)
            for shape, weights in by_shape.items():
                updates = []
                for weight in weights:
                    state = self.state[weight]
                    if "momentum" not in state:
                        state["momentum"] = torch.zeros_like(weight)
                    state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                    updates.append(weight.grad.lerp(state["momentum"], group["momentum"]))
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for weight, update in zip(weights, orthogonalize(torch.stack(updates).to(self.product_type))):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)
