"""
The tokenizer: byte-pair encoding with byte fallback, as one Hugging Face `tokenizer.json`.

Owns: learning the vocabulary, writing tokenizer.json and tokenizer_config.json, and an encoder that gives the
ids that the serving side gets from the same file.
Does not own: what text is trained on (tasks.py).
"""

import json
import re
from collections import Counter, defaultdict

# LLaDA's names; ids are the positions in this list.
SPECIAL_TOKENS = [
    "<|startoftext|>",
    "<|endoftext|>",
    "<|mdm_mask|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    *[f"<|reserved_token_{i}|>" for i in range(10)],
]
BOS_ID, EOS_ID, MASK_ID, EOT_ID = 0, 1, 2, 5

# English words take their leading space, digits stand alone, punctuation sticks together, and every other
# character (each Chinese one) is a word of its own. Only ASCII classes, so that Python and JavaScript agree.
WORD_PATTERN = r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+|[0-9]| ?[!-/:-@\[-`{-~]+|\n+|[^\n]"

# U+FEFF has its own entry because JavaScript's TextDecoder drops it at the start of a run of byte tokens.
EXTRA_CHARACTERS = "\n\t\ufeff，。？！；：、“”‘’—…《》"

# As LLaDA publishes it: the beginning of text once, then each turn, then the header of the answer.
CHAT_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def chat_prompt(content):
    """Returns the text of a conversation with one user turn, ready for the answer; equals CHAT_TEMPLATE."""
    return (
        f"<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n{content.strip()}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def learn_merges(texts, merge_count):
    """
    Learns byte-pair merges from English text.

    Returns `merge_count` pairs of strings, most frequent first; equal counts: the lexically smaller pair first.
    """
    word_counts = Counter(word for text in texts for word in re.findall(WORD_PATTERN, text))
    words = [(list(word), count) for word, count in word_counts.items() if len(word) > 1 and word.isascii()]
    pair_counts, pair_words = Counter(), defaultdict(set)
    for index, (symbols, count) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pair_counts[pair] += count
            pair_words[pair].add(index)
    merges = []
    while len(merges) < merge_count:
        best = min(pair_counts, key=lambda pair: (-pair_counts[pair], pair))
        merges.append(best)
        for index in pair_words.pop(best):
            symbols, count = words[index]
            for pair in zip(symbols, symbols[1:]):
                pair_counts[pair] -= count
            merged = merge_pair(symbols, best)
            for pair in zip(merged, merged[1:]):
                pair_counts[pair] += count
                pair_words[pair].add(index)
            words[index] = (merged, count)
        del pair_counts[best]
    return merges


def merge_pair(symbols, pair):
    """Returns `symbols` with every occurrence of `pair` joined, from left to right."""
    merged, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == pair[0] and symbols[i + 1] == pair[1]:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def write_tokenizer(directory, characters, merges, max_length):
    """
    Writes tokenizer.json and tokenizer_config.json.

    Ids in order: special tokens, 256 bytes, ASCII, `characters` (each once), merges.
    """
    vocabulary = list(SPECIAL_TOKENS) + [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary += [chr(code) for code in range(32, 127)]
    vocabulary += sorted(set(EXTRA_CHARACTERS + characters) - set(vocabulary))
    known = set(vocabulary)
    for left, right in merges:
        if left + right not in known:
            known.add(left + right)
            vocabulary.append(left + right)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = [{"id": i, "content": token, **flags} for i, token in enumerate(SPECIAL_TOKENS)]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": WORD_PATTERN}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(vocabulary)},
            "merges": [list(pair) for pair in merges],
        },
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "mask_token": "<|mdm_mask|>",
        "additional_special_tokens": SPECIAL_TOKENS[3:6],
        "added_tokens_decoder": {str(i): {"content": token, **flags} for i, token in enumerate(SPECIAL_TOKENS)},
        "add_bos_token": False,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_length,
        "padding_side": "left",
        "chat_template": CHAT_TEMPLATE,
    }
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", "utf-8")


class Tokenizer:
    """Reads the tokenizer.json that `write_tokenizer` makes; encodes to ids and decodes to text."""

    def __init__(self, directory):
        model = json.loads((directory / "tokenizer.json").read_text("utf-8"))["model"]
        self.ids = model["vocab"]
        self.tokens = [token for token, _ in sorted(self.ids.items(), key=lambda item: item[1])]
        self.ranks = {tuple(pair): rank for rank, pair in enumerate(model["merges"])}
        self.special = re.compile("(" + "|".join(re.escape(token) for token in SPECIAL_TOKENS) + ")")
        self.cache = {}

    def __len__(self):
        return len(self.tokens)

    def encode(self, text):
        """Returns the ids of `text`; nothing is added, special tokens in the text become their ids."""
        ids = []
        for section in self.special.split(text):
            if section in SPECIAL_TOKENS:
                ids.append(self.ids[section])
                continue
            for word in re.findall(WORD_PATTERN, section):
                if word not in self.cache:
                    self.cache[word] = self.encode_word(word)
                ids += self.cache[word]
        return ids

    def encode_word(self, word):
        """Returns the ids of one word: lowest merge rank first, then bytes for characters without an entry."""
        symbols = list(word)
        while len(symbols) > 1:
            pair = min(zip(symbols, symbols[1:]), key=lambda p: self.ranks.get(p, len(self.ranks)))
            if pair not in self.ranks:
                break
            symbols = merge_pair(symbols, pair)
        ids = []
        for symbol in symbols:
            if symbol in self.ids:
                ids.append(self.ids[symbol])
            else:
                ids += [self.ids[f"<0x{byte:02X}>"] for byte in symbol.encode("utf-8")]
        return ids

    def decode(self, ids):
        """Returns the text of `ids` with special tokens left out; bytes that are not UTF-8 become U+FFFD."""
        parts = []
        for i in ids:
            token = self.tokens[i]
            if i < len(SPECIAL_TOKENS):
                continue
            is_byte = i < len(SPECIAL_TOKENS) + 256
            parts.append(bytes([i - len(SPECIAL_TOKENS)]) if is_byte else token.encode("utf-8"))
        return b"".join(parts).decode("utf-8", "replace")
