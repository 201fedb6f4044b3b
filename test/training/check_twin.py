#!/usr/bin/python3
"""
Checks the autoregressive twin: what its columns may see, and what its loss is.

    /usr/bin/python3 test/training/check_twin.py
"""

import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "gpu-backend" / "training"))

import torch  # noqa: E402

from checkpoint import make_config  # noqa: E402
from network import CAUSAL_KEY, MaskPredictor  # noqa: E402
from objective import next_token_cross_entropy  # noqa: E402
from statements import expect, finish  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(3)
config = make_config(50, 2, 16, 2, 32, 32, {"eos": 1, "pad": 1, "mask": 2})
both_ways = MaskPredictor(config)
both_ways.initialize(0.2)
causal = MaskPredictor({**config, CAUSAL_KEY: True})
causal.load_state_dict(both_ways.state_dict())

ids = torch.randint(3, 50, (3, 12))
changed = ids.clone()
changed[:, 7] = (ids[:, 7] + 1 - 3) % 47 + 3
with torch.no_grad():
    before, after = causal(ids), causal(changed)
    expect(torch.equal(before[:, :7], after[:, :7]), "no column of the twin sees a later one")
    expect(not torch.allclose(before[:, 7:], after[:, 7:]), "the columns from a change on see it")
    expect(not torch.allclose(both_ways(ids)[:, :7], both_ways(changed)[:, :7]), "without the flag, all see it")

    padded = torch.cat([torch.full((3, 4), 1), ids], 1)
    attention = torch.cat([torch.zeros(3, 4), torch.ones(3, 12)], 1)
    left_padded = causal(padded, attention_mask=attention)[:, 4:]
    expect(torch.allclose(left_padded, before, atol=1e-4), "padding before a row changes nothing")

    foretold = torch.rand(3, 12) < 0.5
    foretold[:, 0] = False
    loss = next_token_cross_entropy(causal, ids, foretold)
    surprise = -before.log_softmax(-1)
    by_hand = [surprise[row, column - 1, ids[row, column]] for row, column in foretold.nonzero().tolist()]
    expect(torch.allclose(loss, torch.stack(by_hand), atol=1e-5), "the loss is each token's given those before it")

finish()
