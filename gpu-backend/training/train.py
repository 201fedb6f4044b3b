#!/usr/bin/python3
"""
Trains the embedded model from scratch and exports it: tokenizer, weights, log. Read it from top to bottom.

The budget is wall time, not steps: learning rate and end follow the clock, so the same command gives a whole run on
a laptop and on a GPU; or it is a number of tokens, which two models can share. Killed and started again with the
same --run folder, it goes on from the last checkpoint.

With --twin it trains what the model is compared with: an autoregressive model of the same size, on the same rows in
the same order, with a causal mask and the next-token loss. It is for `npm run evaluate` and is never served.

    npm run train -- --data CORPUS [--minutes 95 | --tokens 20e6] [--run FOLDER] [--out FOLDER] [--threads 2] [--seed 1]
                    [--bfloat16]
    npm run train -- --data CORPUS --twin [the same]
"""

import argparse
import json
import math
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

# Debian's pthread OpenBLAS loses to one thread when idle OpenMP threads spin. Must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
try:
    import torch
except ImportError:
    sys.exit(
        "PyTorch is missing. On Debian: apt-get install python3-torch python3-numpy libopenblas0-pthread,\n"
        "then run this file with /usr/bin/python3."
    )

from checkpoint import make_config, write_safetensors
from corpus import read_jsonl, read_question_couplets, read_stories, read_trained_couplets
from curve import draw, read_series
from held_out import held_out
from muon import Muon
from network import CAUSAL_KEY, MaskPredictor
from objective import (
    mask_probability,
    masked_cross_entropy,
    next_token_cross_entropy,
    pretrain_loss,
    supervised_loss,
)
from tasks import COUPLET_QUESTIONS, MAX_LENGTH, TASK_TOKENS, Corpus
from tokenizer import EOS_ID, MASK_ID, Tokenizer, learn_merges, write_tokenizer

# ---- the model ------------------------------------------------------------------------------------------------------
MERGES = 2048  # English byte-pair merges
LAYERS = 5
WIDTH = 256
HEADS = 4
MLP_WIDTH = 640

# ---- the optimization -----------------------------------------------------------------------------------------------
MUON_RATE = 0.02  # the matrices inside the blocks
ADAM_RATE = 3e-3  # embedding and norms
MUON_WEIGHT_DECAY = 0.1  # matrices that grow learn ever more slowly
ADAM_WEIGHT_DECAY = 0.01
WARMUP_SHARE = 0.01  # of the budget; then constant, then
DECAY_SHARE = 0.33  # linear to zero over the last part
CLIP_NORM = 1.0
EMA_DECAY = 0.995  # the exported weights are this average

# ---- the clock, in seconds ------------------------------------------------------------------------------------------
LOG_EVERY = 20
MEASURE_EVERY = 300
SAVE_EVERY = 180
EXPORT_EVERY = 900
FIRST_EXPORT = 240

here = Path(__file__).resolve().parent
arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--data", type=Path, required=True, help="corpus folder (its files are listed in README.md)")
arguments.add_argument("--twin", action="store_true", help="train the autoregressive twin instead")
arguments.add_argument("--minutes", type=float, default=95, help="wall time to train for (default 95)")
arguments.add_argument("--tokens", type=float, help="tokens to train on, in place of --minutes")
arguments.add_argument("--run", type=Path, help="checkpoint folder, outside the repository")
arguments.add_argument("--out", type=Path, help="where the model is exported to (default: the embedded model's folder)")
arguments.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")
arguments.add_argument("--seed", type=int, default=1)
arguments.add_argument("--bfloat16", action="store_true", help="products in bfloat16: where the processor has it, faster")
options = arguments.parse_args()

needed = ["stories.txt", "stories_val.txt", "arith_train.jsonl", "arith_test.jsonl"]
needed += ["poem_pairs.json", "couplet_qa_train.jsonl"]
missing = [name for name in needed if not (options.data / name).exists()]
if missing:
    sys.exit(f"The corpus folder {options.data} lacks: {', '.join(missing)}. See gpu-backend/training/README.md.")
scratch, shipped = Path(tempfile.gettempdir()), here.parent / "model" / "default"
options.run = options.run or scratch / ("unmask-twin-training" if options.twin else "unmask-training")
options.out = options.out or (scratch / "unmask-twin" if options.twin else shipped)
if options.twin and options.out.resolve() == shipped:
    sys.exit(f"The twin is never shipped: --out must not be {shipped}.")
options.run.mkdir(parents=True, exist_ok=True)
options.out.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)
device = "cuda" if torch.cuda.is_available() else "cpu"
budget = options.minutes * 60

# ---- tokenizer ------------------------------------------------------------------------------------------------------
# Learned once per run and kept with the checkpoint; --out is touched by an export only, so its files always match.
state_path, log_path, talk_path = options.run / "state.pt", options.run / "log.jsonl", here / "talk.jsonl"
if not state_path.exists():
    english = read_stories(options.data / "stories.txt")
    for problem in read_jsonl(options.data / "arith_train.jsonl"):
        english += [problem["question"], problem["answer"]]
    couplets = read_trained_couplets(options.data) + read_question_couplets(options.data)
    chinese = "".join(map("".join, couplets)) + "".join(COUPLET_QUESTIONS).replace("{}", "")
    write_tokenizer(options.run, chinese, learn_merges(english, MERGES), MAX_LENGTH)
tokenizer = Tokenizer(options.run)
corpus = Corpus(options.data, tokenizer, talk_path, options.seed)
measured = held_out(options.data, tokenizer)

# ---- network and optimizers -----------------------------------------------------------------------------------------
special_ids = {"eos": EOS_ID, "pad": EOS_ID, "mask": MASK_ID}
config = make_config(len(tokenizer), LAYERS, WIDTH, HEADS, MLP_WIDTH, MAX_LENGTH, special_ids)
if options.twin:
    config[CAUSAL_KEY] = True
network, average = MaskPredictor(config).to(device), MaskPredictor(config).to(device)
network.initialize()
average.load_state_dict(network.state_dict())
hidden = [weight for name, weight in network.named_parameters() if "blocks" in name and weight.dim() == 2]
others = [weight for name, weight in network.named_parameters() if "blocks" not in name or weight.dim() != 2]
product_type = torch.bfloat16 if options.bfloat16 else torch.float32
muon = Muon(hidden, lr=MUON_RATE, weight_decay=MUON_WEIGHT_DECAY, product_type=product_type)
adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=ADAM_WEIGHT_DECAY)

# ---- resume ---------------------------------------------------------------------------------------------------------
step, seen, spent = 0, {task: 0 for task in TASK_TOKENS}, 0.0
if state_path.exists():
    state = torch.load(state_path, map_location=device)
    if state.get("twin", False) != options.twin:
        sys.exit(f"{options.run} holds a run of the other kind (--twin). Name another --run folder.")
    step, spent = state["step"], state["spent"]
    seen |= state["seen"]  # the mixture may have changed between two starts
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    muon.load_state_dict(state["muon"])
    adam.load_state_dict(state["adam"])
    corpus.random.setstate(state["random"])
    corpus.generator.set_state(state["generator"].cpu())
    kept = [line for line in log_path.read_text().splitlines() if json.loads(line)["step"] <= step]
    log_path.write_text("".join(line + "\n" for line in kept))
    print(f"resumed at step {step}, {spent / 60:.1f} minutes spent", flush=True)
else:
    log_path.write_text("")


def save():
    """Writes the checkpoint in one step: a kill leaves the earlier one."""
    state = {
        "twin": options.twin, "step": step, "seen": seen, "spent": spent,
        "network": network.state_dict(), "average": average.state_dict(),
        "muon": muon.state_dict(), "adam": adam.state_dict(),
        "random": corpus.random.getstate(), "generator": corpus.generator.get_state(),
    }  # fmt: skip
    torch.save(state, state_path.with_suffix(".partial"))
    state_path.with_suffix(".partial").replace(state_path)


def export():
    """Writes the averaged weights in the Hugging Face layout with their tokenizer, and the log that made them."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (options.out / name).write_bytes((options.run / name).read_bytes())
    (options.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_safetensors(options.out / "model.safetensors", dict(average.named_parameters()))
    (options.out / "training-log.jsonl").write_text(log_path.read_text())
    (options.out / "loss.svg").write_text(draw(read_series(log_path)))


def log(**entry):
    """Appends one line to the log; `minutes` counts training alone, over all restarts."""
    line = json.dumps({"step": step, "minutes": round(spent / 60, 3), **entry})
    if sys.stderr.isatty():
        print("\r\033[2K", end="", file=sys.stderr, flush=True)
    with log_path.open("a") as file:
        file.write(line + "\n")
    print(line, flush=True)


def next_token_loss(model, batch):
    """Returns the twin's loss of a batch: LLaDA's formulas with nothing masked, each column given those before it."""
    foretold = batch.foretold.clone()
    foretold[:, 0] = False
    ids, foretold = batch.ids.to(device), foretold.to(device)
    token_loss = next_token_cross_entropy(model, ids, foretold)
    certain = torch.ones(len(ids), device=device)
    if batch.supervised:
        return supervised_loss(token_loss, foretold, certain, foretold.sum(1))
    return pretrain_loss(token_loss, foretold, certain)


def batch_loss(model, batch, generator):
    """Masks a batch and returns its loss, by LLaDA's formula for its kind; the twin's is its own."""
    if options.twin:
        return next_token_loss(model, batch)
    p_mask = mask_probability(batch.noise)
    masked = batch.maskable & (torch.rand(batch.ids.shape, generator=generator) < p_mask[:, None])
    unseen = masked if batch.hidden is None else masked | batch.hidden
    moved = (x.to(device) for x in (batch.ids, masked, unseen, batch.maskable, p_mask))
    ids, masked, unseen, maskable, p_mask = moved
    token_loss = masked_cross_entropy(model, ids.masked_fill(unseen, MASK_ID), ids, masked)
    if batch.supervised:
        return supervised_loss(token_loss, masked, p_mask, maskable.sum(1))
    return pretrain_loss(token_loss, masked, p_mask)


@torch.no_grad()
def measure():
    """Returns the held-out bounds of the averaged weights, nats per token, under fixed noise; exact for the twin."""
    generator = torch.Generator().manual_seed(2)
    return {name: round(float(batch_loss(average, batch, generator)), 4) for name, batch in measured.items()}


def progress():
    """Returns the share of the budget that is spent, of tokens where it is counted in them."""
    return sum(seen.values()) / options.tokens if options.tokens else spent / budget


def show_progress():
    """Draws a bar over the last line of a terminal; says nothing where there is none."""
    if sys.stderr.isatty():
        filled = round(24 * progress())
        bar = "█" * filled + "·" * (24 - filled)
        print(f"\r\033[2K{bar} {progress():.0%}  step {step}", end="", file=sys.stderr, flush=True)


def rate():
    """Returns the share of the full learning rate that the next step takes."""
    return max(0.0, min(1.0, progress() / WARMUP_SHARE + 0.01, (1 - progress()) / DECAY_SHARE))


# ---- the loop -------------------------------------------------------------------------------------------------------
size = sum(weight.numel() for weight in network.parameters())
log(
    event="start", parameters=size, vocabulary=len(tokenizer), tokens_per_step=sum(TASK_TOKENS.values()),
    device=device, threads=options.threads, seed=options.seed, twin=options.twin, bfloat16=options.bfloat16,
    **({"budget_tokens": options.tokens} if options.tokens else {"budget_minutes": options.minutes}),
)  # fmt: skip
stop_asked = []
signal.signal(signal.SIGTERM, lambda *_: stop_asked.append(True))
last = {"log": spent, "measure": spent, "save": spent, "export": spent - EXPORT_EVERY + FIRST_EXPORT}
recent, recent_tokens, recent_steps = {task: 0.0 for task in TASK_TOKENS}, 0, 0
clock = time.monotonic()
batch_tokens = sum(TASK_TOKENS.values())
while progress() < 1 and not stop_asked:
    for group in muon.param_groups:
        group["lr"] = MUON_RATE * rate()
    for group in adam.param_groups:
        group["lr"] = ADAM_RATE * rate()
    network.zero_grad(set_to_none=True)
    # One context around all tasks: each weight is cast once a step.
    with torch.autocast(device, torch.bfloat16, enabled=options.bfloat16):
        for task, tokens in TASK_TOKENS.items():
            batch = corpus.draw(task)
            loss = batch_loss(network, batch, corpus.generator)
            (loss * (tokens / batch_tokens)).backward()
            seen[task] += batch.ids.numel()
            recent[task] += float(loss.detach())
            recent_tokens += batch.ids.numel()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
    muon.step()
    adam.step()
    step += 1
    recent_steps += 1
    decay = min(EMA_DECAY, (1 + step) / (10 + step))
    with torch.no_grad():
        for mean, weight in zip(average.parameters(), network.parameters()):
            mean.lerp_(weight, 1 - decay)
    now = time.monotonic()
    spent, clock = spent + now - clock, now
    show_progress()

    if spent - last["log"] >= LOG_EVERY:
        losses = {task: round(total / recent_steps, 4) for task, total in recent.items()}
        if not all(math.isfinite(loss) for loss in losses.values()):
            sys.exit(f"The loss is no longer finite at step {step}: {losses}")
        speed = round(recent_tokens / (spent - last["log"]))
        log(event="train", loss=losses, tokens=sum(seen.values()), tokens_per_second=speed)
        recent, recent_tokens, recent_steps = {task: 0.0 for task in TASK_TOKENS}, 0, 0
        last["log"] = spent
    if spent - last["measure"] >= MEASURE_EVERY:
        log(event="held_out", loss=measure())
        last["measure"] = spent
    if spent - last["save"] >= SAVE_EVERY:
        save()
        last["save"] = spent
    if spent - last["export"] >= EXPORT_EVERY:
        export()
        last["export"] = spent

if not stop_asked:
    log(event="held_out", loss=measure())
    log(event="end", tokens=sum(seen.values()), tokens_by_task=seen)
    export()
save()
