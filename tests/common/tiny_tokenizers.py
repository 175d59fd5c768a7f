"""Small tokenizers of all families trained in memory, and sentences to feed them: no download, no file."""

from __future__ import annotations

import copy
import functools
import json
import math
import re
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, PreTrainedTokenizerFast, RobertaTokenizerFast, XLMRobertaTokenizerFast


TOKENIZER_KINDS = ("bert", "roberta", "xlm-roberta")
# Encoders with the tokenizer of another kind. DistilBERT knows no token types, but `AutoTokenizer` gives its published
# checkpoints, which name no class, a BERT tokenizer that makes them.
_SHARED = {"distilbert": "bert", "electra": "bert"}

# <h>head</h> and <t>tail</t>; then the entity types and the label. Five sentences a relation, the relations in turn, so
# that the first 12 are three relations with four sentences each.
_MARKED: tuple[tuple[str, str, str, str], ...] = (
    ("The poet <h>Ada Brenner</h> was born in <t>Lindau</t> on a stormy night.", "PERSON", "LOCATION", "born_in"),
    ("<h>Nordwind Labs</h> was started by <t>Jonas Weil</t> in an old bakery.", "ORG", "PERSON", "founded_by"),
    ("The river <h>Selva</h> runs into the <t>Lake of Orn</t> near the border.", "LOCATION", "LOCATION", "flows_into"),
    (
        "<t>Zürich</t> is the city where the chemist <h>Jörg Müßig</h> came into the world.",
        "PERSON",
        "LOCATION",
        "born_in",
    ),
    ("It was <t>Mireille Ost</t> who founded the publisher <h>Blaue Brücke</h>.", "ORG", "PERSON", "founded_by"),
    ("<t>Bay of Tarn</t>/<h>Kelo</h>: here the stream meets the sea.", "LOCATION", "LOCATION", "flows_into"),
    ("<h>王小明</h>出生于<t>北京</t>，后来搬到了上海。", "PERSON", "LOCATION", "born_in"),
    (
        "After years of small jobs, two bankrupt cafés and one very long winter in the north, the engineer "
        "<t>Tomasz Lind</t> and a handful of friends signed the papers of <h>Kite & Sons</h>, which builds sails, "
        "repairs boats and, since last spring, teaches children of the harbour town how to read the wind.",
        "ORG",
        "PERSON",
        "founded_by",
    ),
    (
        "In the valley the <h>Orba</h> joins the <t>Great Marsh</t> and slows down.",
        "LOCATION",
        "LOCATION",
        "flows_into",
    ),
    (
        "A note [E1] in the margin says that <h>Piet Haan</h> [/E1] hails from <t>Delft</t>.",
        "PERSON",
        "LOCATION",
        "born_in",
    ),
    (
        "The 🚀 start-up <h>Orbit🛰️Works</h> goes back to an idea of <t>Noor El-Amin</t> 👩‍🚀.",
        "ORG",
        "PERSON",
        "founded_by",
    ),
    ("The <h>Upper Finn</h><t>Black Lake</t> junction lies below the dam.", "LOCATION", "LOCATION", "flows_into"),
    ("<t>Rosa Quint</t> is married to the painter <h>Emil Quint</h>.", "PERSON", "PERSON", "spouse_of"),
    ("Born in <t>Porto</t>, the singer <h>Inês Faria</h> never lost her accent.", "PERSON", "LOCATION", "born_in"),
    ("Two sisters, one of them <t>Hanna Voss</t>, set up <h>Voss Optics</h>.", "ORG", "PERSON", "founded_by"),
    (
        "Past the mill, the water of the <h>Ilme</h> ends up in the <t>Weser Canal</t>.",
        "LOCATION",
        "LOCATION",
        "flows_into",
    ),
    ("<h>Lena Moor</h> wed <t>Karl Stein</t> in a chapel by the sea.", "PERSON", "PERSON", "spouse_of"),
    ("The husband of <h>Dr. Aylin Kaya</h> is <t>Mert Kaya</t>, a baker.", "PERSON", "PERSON", "spouse_of"),
    (
        "Since 1988 <h>Olga Petrova</h> and <t>Ivan Petrov</t> have been husband and wife.",
        "PERSON",
        "PERSON",
        "spouse_of",
    ),
    ("Their wedding made <h>Sam Reed</h> the spouse of <t>Ann Reed</t>.", "PERSON", "PERSON", "spouse_of"),
)

_EXTRA_TEXT = (
    "New York, NY: the mayor of the city met the press on Monday.",
    "He said that the company would open a second office next year.",
    "She was the daughter of a fisherman and grew up near the harbour.",
    "0123456789 9876543210 abcdefghijklmnopqrstuvwxyz zyxwvutsrqponmlkjihgfedcba",  # every letter inside a word, too
)


def parse_marked(marked: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """Turn `"<h>Ada</h> in <t>Lindau</t>"` into the text and the character spans of head and tail.

    Example:

    ```python
    >>> parse_marked("In <t>Rome</t>: <h>Ada</h>.")
    ('In Rome: Ada.', (9, 12), (3, 7))

    ```
    """
    positions: dict[str, int] = {}
    pieces, length = re.split("(</?[ht]>)", marked), 0
    for tag, piece in zip(["", *pieces[1::2]], pieces[::2], strict=True):
        positions[tag] = length
        length += len(piece)
    return "".join(pieces[::2]), (positions["<h>"], positions["</h>"]), (positions["<t>"], positions["</t>"])


def make_instance(
    marked: str, *, id: str = "0", head_type: str | None = None, tail_type: str | None = None, label: str | None = None
) -> dict[str, Any]:
    """One instance of the data contract from a marked sentence (see `parse_marked`)."""
    text, head, tail = parse_marked(marked)
    return {
        "id": id,
        "text": text,
        "head": {"start": head[0], "end": head[1], "type": head_type},
        "tail": {"start": tail[0], "end": tail[1], "type": tail_type},
        "relations": [] if label is None else [label],
    }


def sample_instances(n: int = 12) -> list[dict[str, Any]]:
    """The first `n` of 20 sentences of our own, as fresh instances.

    Twelve are three relations (`born_in`, `founded_by`, `flows_into`) with four sentences each; twenty add one more of
    each and five of `spouse_of`. Among the first twelve: umlauts, Chinese without spaces, emoji inside a mention, a
    literal `[E1]` in the text, tail before head, adjacent mentions (with one character and with none between), one long
    sentence.

    Args:
        n (`int`, defaults to 12): how many, 0 to 20.

    Returns:
        `list[dict]`: instances with ids `"s00"`, `"s01"`, ...; new objects on every call.
    """
    if not 0 <= n <= len(_MARKED):
        raise ValueError(f"`n` must be between 0 and {len(_MARKED)}, got {n}.")
    return [
        make_instance(marked, id=f"s{i:02d}", head_type=head_type, tail_type=tail_type, label=label)
        for i, (marked, head_type, tail_type, label) in enumerate(_MARKED[:n])
    ]


def _corpus() -> list[str]:
    return [parse_marked(marked)[0].replace("[E1]", "").replace("[/E1]", "") for marked, *_ in _MARKED] + list(
        _EXTRA_TEXT
    )


def _train_bert() -> PreTrainedTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    alphabet = [chr(c) for c in range(33, 127)]
    # The trainer numbers the pieces inside of words as its hash map happens to hold the words, and their numbers decide
    # between pairs that are equally frequent: given beforehand, every process gets the same vocabulary.
    texts = [tokenizer.normalizer.normalize_str(text) for text in _corpus()]
    words = [word for text in texts for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
    inside = sorted({"##" + character for word in words for character in word[1:]})
    trainer = trainers.WordPieceTrainer(
        vocab_size=500, special_tokens=special + inside, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    return BertTokenizerFast(vocab=tokenizer.get_vocab(), do_lower_case=True, model_max_length=128)


def _train_roberta() -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    merges = [tuple(pair) for pair in _model_state(tokenizer)["merges"]]
    return RobertaTokenizerFast(vocab=tokenizer.get_vocab(), merges=merges, model_max_length=128)


def _train_modernbert() -> PreTrainedTokenizerFast:
    """Byte-level pieces in normal form C between [CLS] and [SEP], without token types; padding is not number 0."""
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("unk", "cls", "sep", "pad", "mask")}
    names = ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=128, model_input_names=names, **roles)


def _train_xlm_roberta() -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    trainer = trainers.UnigramTrainer(
        vocab_size=400,
        special_tokens=special,
        unk_token="<unk>",
        initial_alphabet=[chr(c) for c in range(33, 127)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    # The trainer's scores and their order differ from process to process: sorted, and scored by how much of the text they are.
    text = "".join(f"▁{word}" for line in _corpus() for word in line.split())
    trained = sorted({piece for piece, _ in _model_state(tokenizer)["vocab"]} - set(special))
    # The real vocabulary, too, holds its control tokens as pieces with the best score of all (0.0).
    pieces = [(piece, 0.0) for piece in special]
    pieces += [(piece, math.log(max(text.count(piece), 0.5) * len(piece) / len(text))) for piece in trained] + [
        ("<mask>", 0.0)
    ]
    return XLMRobertaTokenizerFast(vocab=pieces, model_max_length=128)


def _model_state(tokenizer: Tokenizer) -> dict[str, Any]:
    return json.loads(tokenizer.to_str())["model"]


@functools.cache
def _trained(kind: str) -> PreTrainedTokenizerFast:
    return _TRAINERS[kind]()


_TRAINERS = {
    "bert": _train_bert,
    "roberta": _train_roberta,
    "xlm-roberta": _train_xlm_roberta,
    "modernbert": _train_modernbert,
}


def tiny_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A small fast tokenizer without relation markers, trained in memory on the sentences of this file.

    Args:
        kind (`str`): `"bert"` (WordPiece, lower-casing), `"roberta"` (byte-level BPE) or `"xlm-roberta"` (Unigram with
            `▁` for spaces, as SentencePiece makes it), `"modernbert"` (byte-level BPE with `[CLS]`, without token types), or
            `"distilbert"` or `"electra"`, which have BERT's. All have `model_max_length=128` and at most 600 tokens.

    Returns:
        `PreTrainedTokenizerFast`: a copy of its own, so that tokens may be added to it.
    """
    kind = _SHARED.get(kind, kind)
    if kind not in _TRAINERS:
        raise ValueError(f"`kind` must be one of {[*_TRAINERS, *_SHARED]}, got {kind!r}.")
    return copy.deepcopy(_trained(kind))
