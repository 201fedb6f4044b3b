"""
The texts that the model is trained on: the corpus folder's files as records, and calculations of our own.

Owns: reading the folder; what a request for a story could name; drawing a calculation.
Does not own: rows of tokens (tasks.py).
"""

import json
import re
from collections import Counter

QUESTION_COUPLETS = 150  # couplets trained as questions; more would be seen too seldom to be learned
SUM_REQUESTS = ["What is {}?", "How much is {}?", "Calculate {}.", "{}", "{} = ?"]
STOP_WORDS = set("time day one way lot end new next same other best first then thing things".split())


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def read_stories(path):
    return [story.strip() for story in path.read_text("utf-8").split("<|endoftext|>") if story.strip()]


def read_trained_couplets(data):
    """Returns (first, second) of the eval pairs that stand in the corpus, in the corpus' wording."""
    pairs = json.loads((data / "poem_pairs.json").read_text("utf-8"))
    return [
        (pair.get("corpus_first") or pair["first"], pair.get("corpus_second") or pair["second"])
        for pair in pairs
        if pair["status"] in ("exact", "variant")
    ]


def read_question_couplets(data):
    return [(c["first"], c["second"]) for c in read_jsonl(data / "couplet_qa_train.jsonl")[:QUESTION_COUPLETS]]


def short_answer(problem):
    """Returns a problem's answer without GSM8K's calculator annotations: `12*9 = <<12*9=108>>108` → `12*9 = 108`."""
    return re.sub(r"<<[^>]*>>", "", problem["answer"])


def make_calculation(random_numbers):
    """Returns a calculation of ours as (a, sign, b, result), all of them whole and none negative."""
    sign = random_numbers.choice("+++--**/")
    largest = random_numbers.choice([5, 12] if sign in "*/" else [10, 40, 60, 100])
    a, b = random_numbers.randint(0, largest), random_numbers.randint(0, largest)
    if sign == "+":
        return a, sign, b, a + b
    if sign == "-":
        return a + b, sign, b, a
    if sign == "*":
        return a, sign, b, a * b
    b = max(b, 1)
    return a * b, sign, b, a


def make_sum(random_numbers):
    """Returns a calculation as (request, answer)."""
    a, sign, b, result = make_calculation(random_numbers)
    word = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}[sign]
    spoken = random_numbers.choice([f"{a}{sign}{b}", f"{a} {sign} {b}", f"{a} {word} {b}"])
    request = random_numbers.choice(SUM_REQUESTS).format(spoken)
    return request, f"{a}{sign}{b} = {result}\n#### {result}"


def story_subjects(story, rarity):
    """Returns what a request for this story could name: its hero ("a funny cat named Tom"), else its main nouns."""
    hero = re.search(r"there (?:was|lived) (an? (?:[\w-]+ ){0,4}?[\w-]+) (?:named|called) (\w+)", story)
    subjects = [f"{hero[1]} named {hero[2]}", re.sub(r"^(an?) .* ", r"\1 ", hero[1])] if hero else []
    counts = Counter(re.findall(r"\b(?:a|an|the|his|her) ([a-z]{3,})\b", story))
    nouns = set(re.findall(r"\b(?:a|an|the|his|her) ([a-z]{3,})[.,!?]", story)) - STOP_WORDS
    nouns = sorted((noun for noun in nouns if counts[noun] > 1), key=lambda noun: (rarity[noun], noun))
    for noun in nouns[:2]:
        article = "" if noun.endswith("s") else "an " if noun[0] in "aeiou" else "a "
        subjects.append(article + noun)
    return subjects
