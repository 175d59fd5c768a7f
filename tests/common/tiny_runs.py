"""What a whole training run needs, made of twenty sentences of our own: an encoder, files, options that take seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import BertConfig, BertModel

from hf_relation.data import write_jsonl
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


def save_tiny_encoder(folder: Path, **changes: Any) -> Path:
    """A random two-layer BERT with its tokenizer, as `from_pretrained` reads them; `changes` are settings of BERT."""
    tokenizer = tiny_tokenizer("bert")
    settings = tiny_backbone("bert", len(tokenizer), **changes)
    settings.pop("model_type")
    BertModel(BertConfig(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_tiny_corpus(folder: Path) -> Path:
    """`known.jsonl` with six relations and a sentence of the test set, `novel.jsonl` with two relations."""
    known, novel = [], []
    for copy in range(2):
        for row in sample_instances(20):
            row = row | {"id": f"{row['id']}-{copy}", "text": row["text"] + f" It was so in {1900 + copy}."}
            if row["relations"] == ["spouse_of"]:
                novel.append(row | {"relations": [f"spouse_of_{copy}"]})
            else:
                known.append(row | {"relations": [f"{row['relations'][0]}_{copy}"]})
    leak = dict(novel[0], id="leak", relations=["born_in_0"])  # a test sentence under a known relation
    write_jsonl(folder / "known.jsonl", [*known, leak])
    write_jsonl(folder / "novel.jsonl", novel)
    return folder


def write_tiny_word_vectors(path: Path, width: int = 6) -> Path:
    """A file in the format of GloVe with a few words of the corpus."""
    words = ["the", "was", "born", "in", "river", "founded", "by", "of", "is", "and"]
    lines = [
        f"{word} {' '.join(str((i * 7 + j * 3) % 11 / 10 - 0.5) for j in range(width))}"
        for i, word in enumerate(words)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_options(encoder: Path | None, files: Path, output: Path, *more: str) -> list[str]:
    """Options of a MORE run: two training seeds of two steps each."""
    return [
        *("--dataset", "jsonl", "--train_file", str(files / "known.jsonl"), "--test_file", str(files / "novel.jsonl")),
        *(("--model_name_or_path", str(encoder)) if encoder is not None else ()),
        *("--output_dir", str(output)),
        *"--use_cpu true --disable_tqdm true --bf16 false".split(),
        *"--max_steps 2 --eval_steps 1 --save_steps 1 --logging_steps 1 --classes_per_batch 3 --instances_per_class 3".split(),
        *"--held_out_relations 2 --num_seeds 2 --num_cluster_seeds 2 --n_init 2 --pca_components 4 --max_length 96".split(),
        *"--eval_n_init 2 --eval_num_seeds 2 --seed 5".split(),
        *more,
    ]
