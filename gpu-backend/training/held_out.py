"""
What is measured while training: texts that are never trained on, masked alike in every run.

Owns: the held-out batches. Does not own: what is trained on (tasks.py), what a finished model can do (npm run evaluate).
"""

import torch

from corpus import read_jsonl, read_stories, short_answer
from objective import draw_noise_levels
from tasks import Batch
from tokenizer import EOS_ID, EOT_ID, chat_prompt


def held_out(data, tokenizer):
    """
    Returns the fixed held-out batches by name: windows of unseen stories, and unseen problems' answers.

    The noise is drawn once with a fixed seed, so figures of one run can be compared.
    """
    generator = torch.Generator().manual_seed(1)
    stream = [i for story in read_stories(data / "stories_val.txt") for i in [*tokenizer.encode(story), EOS_ID]]
    windows = torch.tensor([stream[start : start + 128] for start in range(0, 48 * 128, 128)]).repeat(4, 1)
    everywhere = torch.ones_like(windows, dtype=torch.bool)
    noise = draw_noise_levels(len(windows), True, generator)
    batches = {"stories": Batch(windows, everywhere, everywhere, noise, supervised=False)}
    rows = []
    for problem in read_jsonl(data / "arith_test.jsonl")[:96]:
        prompt, answer = tokenizer.encode(chat_prompt(problem["question"])), tokenizer.encode(short_answer(problem))
        rows.append((prompt, answer + [EOT_ID]))
    length = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids = torch.full((len(rows), length), EOS_ID)
    maskable = torch.zeros(len(rows), length, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(rows):
        ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        maskable[row, len(prompt) : len(prompt) + len(answer)] = True
    ids, maskable = ids.repeat(2, 1), maskable.repeat(2, 1)
    noise = draw_noise_levels(len(ids), True, generator)
    batches["arithmetic"] = Batch(ids, maskable, maskable, noise, supervised=True)
    return batches
