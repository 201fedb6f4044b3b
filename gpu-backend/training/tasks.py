"""
What the model is trained on: the corpus as tasks, and each task as batches of rows.

Owns: the mixture, turning records into token rows, and drawing a batch (which columns may be masked, at which noise
level).
Does not own: the corpus folder's files (corpus.py), the noise itself and the loss (objective.py), the tokenizer's file
(tokenizer.py).

Hygiene: eval couplets appear in natural order only, never as a question; files named *_test, *_val and *_holdout
are read for measuring alone (held_out.py, and npm run evaluate).
"""

import random
import re
from collections import Counter
from dataclasses import dataclass

import torch

from corpus import (
    make_calculation,
    make_sum,
    read_jsonl,
    read_question_couplets,
    read_stories,
    read_trained_couplets,
    short_answer,
    story_subjects,
)
from objective import draw_noise_levels
from tokenizer import EOS_ID, EOT_ID, chat_prompt

# Tokens of each step per task. The sum is the batch; the share is also the task's weight in the loss.
TASK_TOKENS = {
    "stories": 600,
    "story_chat": 850,
    "arithmetic": 60,
    "arithmetic_chat": 900,
    "equations": 800,
    "sum_chat": 250,
    "couplets": 400,
    "couplet_chat": 60,
    "talk_chat": 120,
}
# Shortest and longest row of each task, in tokens; a step draws one length per task, so that the model meets
# canvases of every length. A chat answer that does not fit is cut where the canvas ends.
ROW_LENGTHS = {
    "stories": (16, 160),
    "story_chat": (48, 192),
    "arithmetic": (48, 96),
    "arithmetic_chat": (64, 112),
    "equations": (24, 64),
    "sum_chat": (32, 40),
    "couplets": (14, 24),
    "couplet_chat": (48, 72),
    "talk_chat": (24, 96),
}
LONG_ROW_SHARE = 0.1  # of the steps in which a task other than the couplets draws any length up to MAX_LENGTH
MAX_LENGTH = 256
SHORTEST_ANSWER = 8  # answer columns that every chat row has at least
WHOLE_LINE_SHARE = 0.6  # of the couplet rows in which exactly one whole line is masked
NOISE_STRATIFIED = True
ONE_NUMBER_SHARE = 0.25  # of the arithmetic answers in which one number is masked, wherever it stands
NUMBERS_ONLY_SHARE = 0.05  # of them in which nothing but numbers is masked
OPEN_NUMBER_SHARE = 0.45  # of them in which a number and all that follows is masked, as when it is written
OPEN_TAIL = 8  # tokens after an open number that are scored with it: where they stand follows from its width
OPEN_RESULT_SHARE = 0.6  # of these open numbers that are a calculation's result; else any number of the answer
OPEN_EQUATIONS_SHARE = 0.4  # of the steps in which so are the equations
OPEN_ROW = 16  # tokens of the shortest such row; every equation fits
STORY_BLOCK_SHARE = 0.4  # of the story answers in which all after one block is masked, as when it is written
STORY_BLOCK = 32
RESULT_SHARE = 0.75  # of the equations in which the result is masked; else an operand

STORY_REQUESTS = [
    "Tell me a story about {}.",
    "Write a story about {}.",
    "Write a short story about {}.",
    "Can you tell me a story about {}?",
    "Please tell me a story about {}.",
    "A story about {}, please.",
]
PLAIN_STORY_REQUESTS = ["Tell me a story.", "Write a short story.", "Write a story.", "Can you tell me a story?"]
COUPLET_QUESTIONS = ("{}的下一句是什么？直接输出句子即可。", "{}的上一句是什么？直接输出句子即可。")


@dataclass
class Batch:
    """
    Rows of one length.

    ids: int64 `[B, L]`. maskable: bool `[B, L]`, what a mask may hide, to be foretold. foretold: bool `[B, L]`, what
    the autoregressive twin learns to say. noise: t in [0, 1], `[B]`. supervised: which of the two losses.
    hidden: bool `[B, L]`, what is masked always and never scored; None: nothing.
    """

    ids: torch.Tensor
    maskable: torch.Tensor
    foretold: torch.Tensor
    noise: torch.Tensor
    supervised: bool
    hidden: torch.Tensor | None = None


class Corpus:
    """Every training task, tokenized once. `draw` gives the next batch of a task."""

    def __init__(self, data, tokenizer, talk_path, seed):
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.tokenizer = tokenizer
        stories = read_stories(data / "stories.txt")
        self.story_ids = [tokenizer.encode(story) for story in stories]
        self.story_stream = [i for ids in self.story_ids for i in [*ids, EOS_ID]]
        self.story_starts = [0]
        for ids in self.story_ids[:-1]:
            self.story_starts.append(self.story_starts[-1] + len(ids) + 1)
        self.sentence_ends = [[m.end() for m in re.finditer(r"[.!?]\"?(?=\s)", story)] for story in stories]
        self.stories = stories
        rarity = Counter(word for story in stories for word in set(re.findall(r"[a-z]+", story)))
        self.subjects = [story_subjects(story, rarity) for story in stories]
        self.problems = [(p["question"], short_answer(p)) for p in read_jsonl(data / "arith_train.jsonl")]
        asked = read_question_couplets(data)
        self.couplets = [self.couplet_row(first, second) for first, second in read_trained_couplets(data) + asked]
        self.questions = [(COUPLET_QUESTIONS[0].format(a), b) for a, b in asked]
        self.questions += [(COUPLET_QUESTIONS[1].format(b), a) for a, b in asked]
        self.digit_ids = set(tokenizer.encode("0123456789"))
        self.talk = [(pair["user"], pair["assistant"]) for pair in read_jsonl(talk_path)]

    def couplet_row(self, first, second):
        """Returns (ids, [columns of the first line], [columns of the second line])."""
        a, b = self.tokenizer.encode(first), self.tokenizer.encode(second)
        ids = a + self.tokenizer.encode("，") + b + self.tokenizer.encode("。")
        return ids, range(len(a)), range(len(a) + 1, len(a) + 1 + len(b))

    def draw(self, task):
        """Returns the next Batch of `task`, of about TASK_TOKENS tokens."""
        shortest, longest = ROW_LENGTHS[task]
        length = self.random.randint(shortest, longest)
        if task != "couplets" and self.random.random() < LONG_ROW_SHARE:
            length = self.random.randint(longest, MAX_LENGTH)
        count = max(1, round(TASK_TOKENS[task] / length))
        if task == "stories":
            return self.draw_stories(count, length)
        if task == "couplets":
            return self.draw_couplets(count, length)
        if task == "arithmetic":
            return self.draw_problems(count, length)
        if task == "equations":
            return self.draw_equations(count, length)
        return self.draw_chat(task, count, length)

    def draw_stories(self, count, length):
        """Windows of the story stream, half of them from a story's beginning; every column may be masked."""
        last = len(self.story_stream) - length
        rows = []
        for _ in range(count):
            is_beginning = self.random.random() < 0.5
            start = self.random.choice(self.story_starts) if is_beginning else self.random.randint(0, last)
            start = min(start, last)
            rows.append(self.story_stream[start : start + length])
        ids = torch.tensor(rows)
        noise = draw_noise_levels(count, NOISE_STRATIFIED, self.generator)
        everywhere = torch.ones_like(ids, dtype=torch.bool)
        return Batch(ids, everywhere, everywhere, noise, supervised=False)

    def draw_couplets(self, count, length):
        """One couplet a row, ended by padding; either any column or exactly one whole line is masked."""
        ids = torch.full((count, length), EOS_ID)
        everywhere = torch.ones(count, length, dtype=torch.bool)
        maskable = everywhere.clone()
        noise = draw_noise_levels(count, NOISE_STRATIFIED, self.generator)
        for row in range(count):
            tokens, *lines = self.random.choice(self.couplets)
            tokens = tokens[:length]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            if self.random.random() < WHOLE_LINE_SHARE:
                line = [column for column in self.random.choice(lines) if column < length]
                maskable[row] = False
                maskable[row, line] = True
                noise[row] = 1.0
        return Batch(ids, maskable, everywhere, noise, supervised=True)

    def draw_problems(self, count, length):
        """
        One problem with its answer a row, cut or ended by padding; every column may be masked, the question's too.

        A number that is masked here often stands elsewhere in the row: the cheapest lesson in copying.
        """
        ids = torch.full((count, length), EOS_ID)
        for row in range(count):
            tokens = self.tokenizer.encode("\n".join(self.random.choice(self.problems)))[:length]
            ids[row, : len(tokens)] = torch.tensor(tokens)
        noise = draw_noise_levels(count, NOISE_STRATIFIED, self.generator)
        everywhere = torch.ones_like(ids, dtype=torch.bool)
        return Batch(ids, everywhere, everywhere, noise, supervised=False)

    def draw_equations(self, count, length):
        """
        Calculations one below the other, of each exactly one number masked: mostly its result.

        Nothing that is masked is left to chance, so every column teaches arithmetic. The twin learns the results.
        Some steps have short rows instead, each masked from one result on.
        """
        is_open = self.random.random() < OPEN_EQUATIONS_SHARE
        if is_open:
            count, length = 2 * count, max(OPEN_ROW, length // 2)
        ids = torch.full((count, length), EOS_ID)
        maskable = torch.zeros(count, length, dtype=torch.bool)
        foretold = torch.zeros(count, length, dtype=torch.bool)
        for row in range(count):
            column = 0
            while True:
                a, sign, b, result = make_calculation(self.random)
                tokens = self.tokenizer.encode(f"{a}{sign}{b} = {result}\n")
                if column + len(tokens) > length:
                    break
                ids[row, column : column + len(tokens)] = torch.tensor(tokens)
                numbers = self.number_columns(tokens, column)
                asked = 2 if self.random.random() < RESULT_SHARE else self.random.randrange(2)
                maskable[row, numbers[asked]] = True
                foretold[row, numbers[2]] = True
                column += len(tokens)
        hidden = torch.zeros_like(maskable)
        if is_open:
            for row in range(count):
                results = self.number_columns(ids[row].tolist(), 0)[2::3]
                self.open_number(self.random.choice(results), maskable[row], hidden[row])
        return Batch(ids, maskable, foretold, torch.ones(count), supervised=True, hidden=hidden)

    def open_number(self, columns, maskable, hidden):
        """Masks `[L]` from a digit of the number at `columns`, or what follows it, on; scores its OPEN_TAIL too."""
        start = self.random.randint(columns[0], min(columns[-1] + 1, len(maskable) - 1))
        maskable.fill_(False)
        end = columns[-1] + 1 + OPEN_TAIL
        maskable[start:end] = True
        hidden[end:] = True

    def number_columns(self, tokens, start):
        """Returns the columns of each number in `tokens`, whose first token stands in column `start`."""
        numbers = []
        for index, token in enumerate(tokens):
            if token not in self.digit_ids:
                continue
            if index == 0 or tokens[index - 1] not in self.digit_ids:
                numbers.append([])
            numbers[-1].append(start + index)
        return numbers

    def draw_chat(self, task, count, length):
        """Prompt, answer, `<|eot_id|>`, then `<|endoftext|>` to the end; only what follows the prompt is masked."""
        rows = []
        while len(rows) < count:
            request, reply = getattr(self, "next_" + task)()
            prompt = self.tokenizer.encode(chat_prompt(request))
            if len(prompt) <= MAX_LENGTH - SHORTEST_ANSWER:
                rows.append((prompt, self.tokenizer.encode(reply) + [EOT_ID]))
        length = max(length, SHORTEST_ANSWER + max(len(prompt) for prompt, _ in rows))
        ids = torch.full((count, length), EOS_ID)
        maskable = torch.zeros(count, length, dtype=torch.bool)
        for row, (prompt, answer) in enumerate(rows):
            tokens = (prompt + answer)[:length]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            maskable[row, len(prompt) :] = True
        foretold = maskable.clone()
        noise = draw_noise_levels(count, NOISE_STRATIFIED, self.generator)
        hidden = torch.zeros_like(maskable)
        for row, (prompt, answer) in enumerate(rows):
            if task in ("arithmetic_chat", "sum_chat"):
                numbers = self.number_columns(answer, len(prompt))
                self.mask_numbers(ids[row], numbers, maskable[row], noise[row], hidden[row])
            elif task == "story_chat" and self.random.random() < STORY_BLOCK_SHARE:
                start = self.random.randint(len(prompt), min(len(prompt) + len(answer), length) - 1)
                maskable[row, :start] = False
                maskable[row, start + STORY_BLOCK :] = False
                hidden[row, start + STORY_BLOCK :] = True
        return Batch(ids, maskable, foretold, noise, supervised=True, hidden=hidden)

    def mask_numbers(self, ids, numbers, maskable, noise, hidden):
        """
        Has some answers teach arithmetic alone. `numbers`: columns of each; changes the others, `[L]` and noise `[]`.

        One number masked wherever it stands follows from what is left: nothing to guess, and nothing to copy from the
        answer itself. But its width is seen. An open number is met as a sampler meets it, with no text behind it.
        """
        numbers = [columns for columns in numbers if columns[-1] < len(ids)]
        kind = self.random.random()
        if not numbers or kind >= ONE_NUMBER_SHARE + NUMBERS_ONLY_SHARE + OPEN_NUMBER_SHARE:
            return
        if kind >= ONE_NUMBER_SHARE + NUMBERS_ONLY_SHARE:
            results = numbers[2::3] if self.random.random() < OPEN_RESULT_SHARE else []
            self.open_number(self.random.choice(results or numbers), maskable, hidden)
            noise.fill_(1.0)
            return
        if kind < ONE_NUMBER_SHARE:
            chosen = ids[self.random.choice(numbers)].tolist()
            numbers = [columns for columns in numbers if ids[columns].tolist() == chosen]
            noise.fill_(1.0)
        maskable.fill_(False)
        maskable[sum(numbers, [])] = True

    def next_story_chat(self):
        index = self.random.randrange(len(self.stories))
        story, subjects, ends = self.stories[index], self.subjects[index], self.sentence_ends[index]
        kind = self.random.random()
        if kind < 0.2 and len(ends) > 4:
            last = self.random.randint(0, len(ends) // 2)
            start = ends[last - 3] if last >= 3 else 0
            return "Continue the story: " + story[start : ends[last]].strip(), story[ends[last] :].strip()
        if kind < 0.35 or not subjects:
            return self.random.choice(PLAIN_STORY_REQUESTS), story
        return self.random.choice(STORY_REQUESTS).format(self.random.choice(subjects)), story

    def next_arithmetic_chat(self):
        return self.random.choice(self.problems)

    def next_sum_chat(self):
        return make_sum(self.random)

    def next_couplet_chat(self):
        return self.random.choice(self.questions)

    def next_talk_chat(self):
        request, reply = self.random.choice(self.talk)
        # Visitors write "hello" as often as "Hello!".
        return (request.lower().rstrip(".!?") if self.random.random() < 0.3 else request), reply
