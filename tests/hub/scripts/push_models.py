"""Push models and what belongs to them, with the calls a user makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi
from transformers import AutoModel

import hf_relation  # noqa: F401  (registers the classes with the Auto classes)
from hf_relation.clustering import WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.extraction import DecisionRules, RelationExtractor, Thresholds
from hf_relation.training import RelationTrainer, RelationTrainingArguments
from hf_relation.training.trainable import add_adapters
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_kernel_re, tiny_more
from tests.common.tiny_tokenizers import sample_instances
from tests.hub.scripts.families import EARLIER, FAMILIES, LATER, answers, change, set_longest


def push_family(name: str) -> dict[str, Any]:
    """Two versions of a model and its processor: `[earlier, later]` answers, and the commit between them."""
    model, processor = FAMILIES[name]()
    said, commits = [], []
    for length in (EARLIER, LATER):
        if length == LATER:
            change(model)
        set_longest(processor, length)
        said.append(answers(name, model, processor))
        model.push_to_hub(f"user/{name}")
        processor.push_to_hub(f"user/{name}")
        commits.append(HfApi().model_info(f"user/{name}").sha)
    return {"answers": said, "commits": commits}


def push_adapter(folder: Path) -> dict[str, Any]:
    """Low-rank adapters on the later version of `user/more`, with values that are not zero."""
    base = AutoModel.from_pretrained("user/more")
    model = add_adapters(base, r=2)
    model.peft_config["default"].base_model_name_or_path = "user/more"
    for weight in model.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.2)
    _, processor = FAMILIES["more"]()
    model.push_to_hub("user/adapter")
    processor.push_to_hub("user/adapter")
    return {"answers": answers("more", model, processor)}


def push_discovery(folder: Path, repository: str, *, corpus: bool) -> dict[str, Any]:
    """A fitted discovery, twice, with different weights, settings and relations."""
    rows = sample_instances(20)
    model, processor = tiny_more()
    found, commits = [], []
    for number in (3, 4):
        if number == 4:
            change(model)
        bare = RelationDiscovery(model, processor)
        whitening = WithinClassWhitening().fit(bare.embed(rows), [row["relations"][0] for row in rows])
        discovery = RelationDiscovery(model, processor, num_relations=number, n_init=2, transform=whitening)
        result = discovery.fit_predict(rows)
        saved = folder / f"{repository}-{number}"
        discovery.save_pretrained(saved, corpus=corpus)
        HfApi().create_repo(f"user/{repository}", exist_ok=True)
        HfApi().upload_folder(repo_id=f"user/{repository}", folder_path=str(saved))
        commits.append(HfApi().model_info(f"user/{repository}").sha)
        HfApi().create_tag(f"user/{repository}", tag=f"v{number}")
        found.append(
            {"labels": result.labels.tolist(), "keywords": [relation.keywords for relation in result.relations]}
        )
    return {"found": found, "commits": commits}


def push_while_training(folder: Path) -> dict[str, Any]:
    """Trainer's own `push_to_hub=True`, at every save and at the end."""
    model, processor = tiny_more(loss="sup_con")
    args = RelationTrainingArguments(
        output_dir=str(folder / "run"),
        max_steps=2,
        save_steps=1,
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        classes_per_batch=3,
        instances_per_class=4,
        push_to_hub=True,
        hub_model_id="user/trained",
        hub_token="hf_local",
        hub_strategy="every_save",
    )
    trainer = RelationTrainer(model, args, processor, train_dataset=sample_instances(12))
    trainer.train()
    trainer.push_to_hub()
    return {"answers": answers("more", trainer.model, processor)}


def push_extractor(folder: Path) -> dict[str, Any]:
    """An extractor whose threshold changes from one version to the next."""
    model, processor = tiny_kernel_re()
    found, commits = [], []
    for threshold in (0.25, 0.5):
        extractor = RelationExtractor(model, processor, rules=DecisionRules(Thresholds(threshold)))
        found.append(extractor.extract(sample_documents()))
        extractor.save_pretrained(folder / "kre")
        HfApi().create_repo("user/extractor", exist_ok=True)
        HfApi().upload_folder(repo_id="user/extractor", folder_path=str(folder / "kre"))
        commits.append(HfApi().model_info("user/extractor").sha)
    return {"found": found, "commits": commits}


def model_checks(folder: Path) -> dict[str, Callable[[], Any]]:
    """All of the above, by name."""
    checks: dict[str, Callable[[], Any]] = {name: partial(push_family, name) for name in FAMILIES}
    checks["adapter"] = partial(push_adapter, folder)
    checks["discovery"] = partial(push_discovery, folder, "discovery", corpus=False)
    checks["discovery-corpus"] = partial(push_discovery, folder, "discovery-corpus", corpus=True)
    checks["trained"] = partial(push_while_training, folder)
    checks["extractor"] = partial(push_extractor, folder)
    return checks
