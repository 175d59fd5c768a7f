"""One job of a pruning run: fine-tune, rank heads, search, score the test sets."""

from __future__ import annotations

import copy
import json
import statistics
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from torch import nn

from hf_relation.data.atomic import atomic_folder
from hf_relation.heads import HeadImportance, compare_heads, head_importance, mask_heads, sum_importances
from hf_relation.heads.normalizing import Norm
from hf_relation.heads.result import Method
from hf_relation.models.multitask import MultiTaskModel
from hf_relation.runs.prune_heads_arguments import PruneHeadsArguments
from hf_relation.runs.prune_heads_data import Job, PruningData
from hf_relation.runs.task_training import Rows, quiet_loading
from hf_relation.selection import PruningResult, PruningSearch, search_each_source
from hf_relation.selection.pruning_result import grouped, pruning_order
from hf_relation.training import write_json


TESTS = "tests.json"


class JobRun:
    """One job with one training seed.

    Args:
        script ([`PruneHeadsArguments`]): what the run is told.
        data ([`PruningData`]): its rows.
        job ([`Job`]): what to do.
        seed (`int`): the training seed.
        folder (`Path`): where models, rankings and searches are kept; what it has is not made again.
        console (`Console`): told what goes on.
    """

    def __init__(
        self, script: PruneHeadsArguments, data: PruningData, job: Job, seed: int, folder: Path, console: Console
    ) -> None:
        self.script, self.data, self.job, self.seed, self.folder, self.console = (
            script,
            data,
            job,
            seed,
            folder,
            console,
        )
        self.learner = data.learner
        self._tests: dict[
            str, dict[str, float]
        ] = {}  # heads pruned, as JSON -> scores of the tests, of retrained models

    def run(self) -> dict[str, Any]:
        """Do everything; gives the figures, JSON-able."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (tests := self.folder / TESTS).is_file():  # of a run that was cut off
            self._tests = json.loads(tests.read_text(encoding="utf-8"))
        model = self._fine_tuned()
        importances = self._rank(model)
        found: dict[str, Any] = {
            "name": self.job.name,
            "unpruned": {"validation": self._validation(model), "test": self._test(model)},
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "searches": {},
            "curves": {},
        }
        if len(importances) > 1:
            correlation = compare_heads(importances)
            found["correlation"] = {"names": list(correlation.names), "spearman": correlation.matrix.tolist()}
        for ranking in self.script.rankings:
            self.console.print(f"{self.job.name}: search, {ranking} first", markup=False)
            source, result = self._search(model, importances, ranking)
            found["searches"][ranking] = {
                "source": source,
                "order": [list(place) for place in result.order],
                "num_heads": result.num_heads,
                "validation": result.score,
                "trials": [trial.score for trial in result.trials],
                "test": self._pruned_test(model, result),
            }
            found["curves"][ranking] = self._curve(model, importances[source], ranking)
            if self.script.save_models and ranking == "lowest":
                self._save_pruned(model, result)
        return found

    def _fine_tuned(self) -> MultiTaskModel:
        kept = self.folder / "unpruned"
        if (kept / "config.json").is_file():
            with quiet_loading():
                return cast(MultiTaskModel, MultiTaskModel.from_pretrained(kept).eval())
        model = self._trained(self.learner.new_model(self.seed))
        if self.script.save_models:
            self._save(model, kept)
        return model

    def _trained(self, model: MultiTaskModel) -> MultiTaskModel:
        return self.learner.fine_tune(model, {self.script.task: self.job.train}, self.seed, self.folder)

    def _rank(self, model: MultiTaskModel) -> dict[str, HeadImportance]:
        """The rankings to choose among, by name; one, unless --combine each."""
        found = {name: self._importance(model, name, rows) for name, rows in self.job.ranked.items()}
        if len(found) > 1 and self.script.combine == "sum":
            found = {"sum": sum_importances(list(found.values()))} | found
        elif len(found) > 1 and self.script.combine == "merge":
            merged = [row for rows in self.job.ranked.values() for row in rows]
            found = {"merged": self._importance(model, "merged", merged)} | found
        for name, importance in found.items():
            importance.save(self.folder / f"importance_{_file_name(name)}.json")
        return found

    def _importance(self, model: MultiTaskModel, name: str, rows: Rows) -> HeadImportance:
        self.console.print(f"{self.job.name}: head importance, {name}, {len(rows):,} rows", markup=False)
        return head_importance(
            model,
            self.learner.batches(model, self.script.task, rows),
            method=cast(Method, self.script.method),
            normalize=None if self.script.normalize == "none" else cast(Norm, self.script.normalize),
        )

    def _search(
        self, model: MultiTaskModel, importances: Mapping[str, HeadImportance], ranking: str
    ) -> tuple[str, PruningResult]:
        settings: dict[str, Any] = {
            "ranking": ranking,
            "stop": self.script.stop,
            "max_heads": self.script.max_heads,
            "seed": self.seed,
        }
        work: dict[str, Any] = {"score": self._validation}
        start = model
        if self.script.retrain:
            work, start = {"train_and_score": self._train_and_score}, self.learner.new_model(self.seed)
        if self.script.combine == "each" and len(importances) > 1:
            folder = self.folder / f"searches_{ranking}"
            folder.mkdir(exist_ok=True)
            found = search_each_source(importances, start, save_to=folder, **work, **settings)
            return found.best, found.results[found.best]
        name = next(iter(importances))
        search = PruningSearch(importances[name], **settings)
        return name, search.run(start, save_to=self.folder / f"search_{ranking}.json", **work)

    def _train_and_score(self, pruned: nn.Module) -> float:
        model = self._trained(cast(MultiTaskModel, pruned))
        self._tests[_key(model.config.pruned_heads or {})] = self._test(model)
        write_json(self.folder / TESTS, self._tests)
        return self._validation(model)

    def _pruned_test(self, model: MultiTaskModel, result: PruningResult) -> dict[str, float]:
        """Scores of the tests with the heads of a search pruned."""
        if not self.script.retrain:
            with mask_heads(model, result.heads) if result.heads else nullcontext():
                return self._test(model)
        key = _key({str(layer): heads for layer, heads in result.heads.items()})
        if key not in self._tests:  # the run was cut off between a trial and the writing of its tests
            start = self.learner.new_model(self.seed)
            result.prune(start)
            self._train_and_score(start)
        return self._tests[key]

    def _curve(self, model: MultiTaskModel, importance: HeadImportance, ranking: str) -> dict[str, dict[str, float]]:
        """Scores of the tests with more and more heads masked, without training."""
        curve: dict[str, dict[str, float]] = {}
        order = pruning_order(importance, ranking, self.seed)
        for number in sorted({min(number, len(order)) for number in self.script.curve}):
            with mask_heads(model, grouped(order[:number])):
                curve[str(number)] = self._test(model)
        return curve

    def _validation(self, model: nn.Module) -> float:
        return statistics.fmean(self._score(model, rows) for rows in self.job.searched.values())

    def _test(self, model: nn.Module) -> dict[str, float]:
        return {name: self._score(model, rows) for name, rows in self.job.tested.items()}

    def _score(self, model: nn.Module, rows: Rows) -> float:
        return self.learner.score(model, self.script.task, rows, self.data.metric)

    def _save_pruned(self, model: MultiTaskModel, result: PruningResult) -> None:
        """Keep the pruned model: trained anew with --retrain, else the fine-tuned one without its heads."""
        kept = self.folder / "pruned"
        if (kept / "config.json").is_file():
            return
        if self.script.retrain and result.heads:
            pruned = self.learner.new_model(self.seed)
            result.prune(pruned)
            self._trained(pruned)
        else:
            pruned = copy.deepcopy(model)
            result.prune(pruned)
        self._save(pruned, kept)

    def _save(self, model: MultiTaskModel, kept: Path) -> None:
        """Keep a model whole or not at all: a folder that is there is not made again."""
        with atomic_folder(kept, overwrite=True) as target:
            model.save_pretrained(target)
            self.learner.tokenizer.save_pretrained(target)


def _key(heads: Mapping[str, Any]) -> str:
    return json.dumps({layer: sorted(heads[layer]) for layer in sorted(heads, key=int)})


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
