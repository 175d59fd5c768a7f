"""One option gives a run the encoder that FineCL pre-trained: with a learning rate of 0 it is in the checkpoint to the bit."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from hf_relation.data import write_jsonl
from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining
from hf_relation.processing import DocumentProcessor
from hf_relation.runs import kernel_re, more, rocore, siamese_ure
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_runs import write_tiny_corpus
from tests.common.tiny_tokenizers import tiny_tokenizer


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The pre-trained model, its folder, and files to train on."""
    folder = tmp_path_factory.mktemp("finecl")
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=128, mention_entities=True)
    torch.manual_seed(4)
    model = FineCLForPreTraining(FineCLConfig(backbone_config=tiny_backbone("bert", processor.vocab_size)))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    files = write_tiny_corpus(tmp_path_factory.mktemp("data"))
    for name, years in (("train", (1900, 1901)), ("test", (1950,))):
        rows = [
            row | {"id": f"{number}-{year}", "text": f"{row['text']} It was so in {year}."}
            for year in years
            for number, row in enumerate(sample_documents())
        ]
        write_jsonl(files / f"{name}.jsonl", rows)
    return model, folder, files


CORPUS = "--train_file {files}/known.jsonl --test_file {files}/novel.jsonl"
CLUSTERS = "--num_cluster_seeds 1 --n_init 1 --pca_components 4 --eval_num_seeds 1 --eval_n_init 1"
RUNS = {
    "more": (
        more,
        f"{CORPUS} {CLUSTERS} --max_steps 1 --classes_per_batch 3 --instances_per_class 3 --held_out_relations 0",
    ),
    "rocore": (
        rocore,
        f"{CORPUS} {CLUSTERS} --num_train_epochs 1 --labelled_per_batch 6 --unlabelled_per_batch 5 --autoencoder_dims 16 8 "
        "--held_out_relations 2 --novel held-out --validation_per_relation 1 --fixed_pretraining_epochs 1",
    ),
    "kernel_re": (
        kernel_re,
        "--train_file {files}/train.jsonl --test_file {files}/test.jsonl --num_train_epochs 1 --kernel_rank 4 "
        "--validation_share 0.25 --entity_types X",
    ),
    "siamese_ure": (
        siamese_ure,
        "--unlabeled_file {files}/known.jsonl --test_file {files}/novel.jsonl --max_steps 1 --projector_dims 8 8 4 "
        "--predictor_dim 4",
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_encoder_of_a_run_is_the_pretrained_one(name, world, tmp_path):
    source, folder, files = world
    run, options = RUNS[name]
    options = [part.format(files=files) for part in options.split()]
    common = "--dataset jsonl --use_cpu true --disable_tqdm true --bf16 false --learning_rate 0 --num_seeds 1 --seed 5".split()
    run.main([*common, *options, "--model_name_or_path", str(folder), "--output_dir", str(tmp_path / "run")])
    trained = AutoModel.from_pretrained(tmp_path / "run" / "seed-5")
    assert trained.config.model_type == name
    found = trained.backbone.state_dict()
    for weight_name, weight in source.backbone.state_dict().items():
        there = found[weight_name][: len(weight)] if weight.ndim else found[weight_name]
        assert torch.equal(there, weight), weight_name
