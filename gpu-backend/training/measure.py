#!/usr/bin/python3
"""
Measures a trained model on text that it was not trained on, and prints the figures as JSON.

Owns: exact match by generation, masked couplet lines, the held-out bounds, the unselected samples of the card.
Does not own: measurements of the serving side (quality against steps, likelihood).

    measure.py --data CORPUS [--model FOLDER] [--problems 100] > figures.json
"""

import argparse
import json
import os
import re
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from generate import answer, load_network
from objective import mask_probability, masked_cross_entropy, pretrain_loss, supervised_loss
from tasks import COUPLET_QUESTIONS, held_out, read_jsonl, read_question_couplets
from tokenizer import MASK_ID, Tokenizer

ROWS = 32  # rows run together
NOISE_DRAWS = 4  # Monte Carlo draws of each held-out batch
QUESTIONS = 100  # couplets of each group asked as questions: the first ones

# What a visitor may type first; the card shows every answer.
SAMPLE_REQUESTS = [
    "Hello",
    "What are you?",
    "What can you do?",
    "Tell me a story.",
    "Tell me a story about a cat named Tom.",
    "Tell me a story about a dragon.",
    "Write a short story about a little girl and her dog.",
    "Write a story about a brave fish.",
    "A story about a red ball, please.",
    "Continue the story: Once upon a time there was a bear who loved honey. One day the honey was gone.",
    "Lily has 12 apples. Tom gives Lily 7 more apples. How many apples does Lily have now?",
    "Ben had 45 coins. He gave 18 coins to Mia. How many coins does Ben have left?",
    "A toy costs $6. Anna buys 4 toys and pays with $50. How much change does Anna get?",
    "What is 2+2?",
    "What is 17 + 25?",
    "What is 7 times 8?",
    "What is the capital of France?",
    "Write a poem about the sea.",
    "床前明月光的下一句是什么？直接输出句子即可。",
    "疑是地上霜的上一句是什么？直接输出句子即可。",
]


@torch.no_grad()
def held_out_bounds(network, tokenizer, data):
    """Returns the negative log-likelihood bounds of `tasks.held_out`, nats per token, mean of NOISE_DRAWS."""
    generator = torch.Generator().manual_seed(3)
    bounds = {}
    for name, batch in held_out(data, tokenizer).items():
        total = 0.0
        for _ in range(NOISE_DRAWS):
            p_mask = mask_probability((batch.noise + torch.rand(1, generator=generator)) % 1)
            masked = batch.maskable & (torch.rand(batch.ids.shape, generator=generator) < p_mask[:, None])
            token_loss = masked_cross_entropy(network, batch.ids.masked_fill(masked, MASK_ID), batch.ids, masked)
            if batch.supervised:
                total += supervised_loss(token_loss, masked, p_mask, batch.maskable.sum(1)).item()
            else:
                total += pretrain_loss(token_loss, masked, p_mask).item()
        bounds[name] = round(total / NOISE_DRAWS, 4)
    return bounds


@torch.no_grad()
def fill(network, rows):
    """Fills the masks of equally long id rows, in each row the most confident one at each step; returns the rows."""
    x = torch.tensor(rows)
    while (x == MASK_ID).any():
        masked = x == MASK_ID
        confidence, candidate = torch.full(x.shape, -1.0), x.clone()
        confidence[masked], candidate[masked] = network(x, selected=masked).softmax(-1).max(-1)
        best = confidence.argmax(1, keepdim=True)
        x.scatter_(1, best, candidate.gather(1, best))
    return x.tolist()


def masked_line_matches(network, tokenizer, couplets, hide_second):
    """
    Returns how many couplets have their hidden line come out whole.

    The canvas is `first，second。` with one line masked, so its length is given.
    """
    by_length = {}
    for first, second in couplets:
        a, b = tokenizer.encode(first), tokenizer.encode(second)
        ids = a + tokenizer.encode("，") + b + tokenizer.encode("。")
        start, end = (len(a) + 1, len(a) + 1 + len(b)) if hide_second else (0, len(a))
        hidden = ids[:start] + [MASK_ID] * (end - start) + ids[end:]
        by_length.setdefault(len(ids), []).append((hidden, ids))
    right = 0
    for rows in by_length.values():
        filled = fill(network, [hidden for hidden, _ in rows])
        right += sum(row == ids for row, (_, ids) in zip(filled, rows))
    return right


def question_accuracy(network, tokenizer, couplets, question, asks_second):
    """Returns the share of couplets whose other line is answered exactly, in chat form, 12 steps for 12 tokens."""
    asked = [(first, second) if asks_second else (second, first) for first, second in couplets]
    replies = answer_all(network, tokenizer, [question.format(given) for given, _ in asked], 12, 12)
    return round(sum(reply == wanted for reply, (_, wanted) in zip(replies, asked)) / len(asked), 4)


def answer_all(network, tokenizer, requests, length, block):
    """Returns all answers with one step per token, ROWS at a time, requests of similar length together."""
    order = sorted(range(len(requests)), key=lambda i: len(requests[i]))
    replies = [""] * len(requests)
    for start in range(0, len(order), ROWS):
        chosen = order[start : start + ROWS]
        texts = answer(network, tokenizer, [requests[i] for i in chosen], length, length, block)
        for i, text in zip(chosen, texts):
            replies[i] = text
    return replies


def arithmetic_accuracy(network, tokenizer, problems):
    """Returns the share of problems whose number after `####` is right; 48 steps for 48 tokens, blocks of 16."""
    replies = answer_all(network, tokenizer, [problem["question"] for problem in problems], 48, 16)
    finals = [re.search(r"#### (-?\d+)", reply) for reply in replies]
    right = sum(bool(final) and final[1] == problem["final"] for final, problem in zip(finals, problems))
    return round(right / len(problems), 4)


def main():
    default = Path(__file__).resolve().parent.parent / "model" / "default"
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="corpus folder")
    arguments.add_argument("--model", type=Path, default=default)
    arguments.add_argument("--problems", type=int, default=100, help="arithmetic test problems, at most 500")
    options = arguments.parse_args()
    started = time.monotonic()
    network, tokenizer = load_network(options.model).cpu(), Tokenizer(options.model)
    pairs = json.loads((options.data / "poem_pairs.json").read_text("utf-8"))
    exact = [(pair["first"], pair["second"]) for pair in pairs if pair["status"] == "exact"]
    variant = [(pair["corpus_first"], pair["corpus_second"]) for pair in pairs if pair["status"] == "variant"]
    others = [(pair["first"], pair["second"]) for pair in pairs if pair["status"] != "exact"]
    unseen = [(c["first"], c["second"]) for c in read_jsonl(options.data / "couplet_holdout.jsonl")]
    asked = read_question_couplets(options.data)
    problems = read_jsonl(options.data / "arith_test.jsonl")[: options.problems]
    figures = {"held_out_nats_per_token": held_out_bounds(network, tokenizer, options.data)}
    share = arithmetic_accuracy(network, tokenizer, problems)
    figures["arithmetic_exact_match"] = {"problems": len(problems), "share": share}
    parts = {"exact": exact, "variant": variant, "others": others, "holdout": unseen}
    matches = {
        name: [masked_line_matches(network, tokenizer, part, hide_second) for hide_second in (True, False)]
        for name, part in parts.items()
    }
    figures["couplet_line_masked"] = {}
    for name, members in {
        "exact": ["exact"], "exact_and_variant": ["exact", "variant"], "all": ["exact", "others"], "holdout": ["holdout"],
    }.items():  # fmt: skip
        count = sum(len(parts[member]) for member in members)
        following, previous = (sum(matches[member][i] for member in members) / count for i in (0, 1))
        figures["couplet_line_masked"][name] = {
            "couplets": count, "next": round(following, 4), "previous": round(previous, 4),
        }  # fmt: skip
    figures["couplet_question"] = {
        name: {
            "couplets": len(group),
            "next": question_accuracy(network, tokenizer, group, COUPLET_QUESTIONS[0], asks_second=True),
            "previous": question_accuracy(network, tokenizer, group, COUPLET_QUESTIONS[1], asks_second=False),
        }
        for name, group in {"trained_as_questions": asked[:QUESTIONS], "exact": exact[:QUESTIONS]}.items()
    }
    samples = answer_all(network, tokenizer, SAMPLE_REQUESTS, 96, 32)
    figures["samples"] = [{"request": q, "answer": a} for q, a in zip(SAMPLE_REQUESTS, samples)]
    figures["seconds"] = round(time.monotonic() - started)
    print(json.dumps(figures, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
