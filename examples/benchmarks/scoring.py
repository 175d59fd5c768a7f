"""The work of a method, whatever its kind: scores and seconds."""

from __future__ import annotations

from typing import Any

from baseline_rows import score_baseline
from experiment import Experiment, Run
from frozen import embed, frozen_encoder, score_frozen, score_steps
from methods import Method

from hf_relation.checkpoints import BASE_REPOSITORY, checkpoint_folder
from hf_relation.data import load_corpus
from hf_relation.discovery.encoder import load_encoder
from hf_relation.discovery.state import read_state
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.training.scoring import VARIANTS


__all__ = ["frozen_encoder", "score_method"]

# Runs that learn from text of the novel relations, and those of them that read labels of known ones.
_LEARNS_FROM_TEXT, _READS_LABELS = {"rocore", "siamese_ure"}, {"more", "rocore"}


def score_method(method: Method, experiment: Experiment) -> dict[str, Any]:
    """Do the work of a method.

    Returns:
        `"runs"`: for every training seed `{"scores": {part: {steps: [figures per cluster seed]}}}`; `"seconds"`: `"train"`
        (of one seed; not for all methods), `"encode"` (the test set; not for all methods) and `"cluster"` (by steps, one
        seed); `"parameters"`; `"seen"`; `"encoder"`. Or `"skipped"`: why there is no row on these data.
    """
    kinds = {"frozen": score_frozen, "baseline": score_baseline, "trained": _trained, "checkpoint": _checkpoint}
    return kinds[method.kind](method, experiment)


def _trained(method: Method, experiment: Experiment) -> dict[str, Any]:
    data = experiment.data
    if method.run in _LEARNS_FROM_TEXT and not data.unlabeled:
        return {"skipped": "there is no unlabelled text of novel relations (--unlabeled_file)"}
    run = experiment.train(method.name, method.arguments["options"], method.run)
    results = run.results
    train_seconds = run.seconds()
    encode_seconds, cluster_seconds, parameters = _measure(method, experiment, run)
    return {
        "runs": [{"seed": each["seed"], "scores": each["scores"]} for each in results["runs"]],
        "seconds": {
            "train": sum(train_seconds) / len(train_seconds),
            "encode": encode_seconds,
            "cluster": cluster_seconds,
        },
        "parameters": parameters,
        "seen": experiment.seen(
            data.train if method.run in _READS_LABELS else [],
            data.unlabeled if method.run in _LEARNS_FROM_TEXT else [],
        ),
        "encoder": method.encoder or results["encoder"].split("/")[-1],
    }


def _measure(method: Method, experiment: Experiment, run: Run) -> tuple[float, dict[str, float], int]:
    """Seconds of encoding and of clustering by steps, and parameters, from the first checkpoint. The figures are the run's."""
    first = run.results["runs"][0]
    folder = run.folder / f"seed-{first['seed']}"
    model, processor = load_encoder(folder)
    state = read_state(folder)
    if state is None:
        raise CheckpointError(
            f"{folder} has lost its discovery.json. Delete {run.folder} and run the benchmark again."
        )
    scored = [steps for steps in VARIANTS if steps in method.steps and steps in first["scores"]["test"]]
    test = embed(model, processor, experiment.data.test)
    _, seconds = score_steps(test, scored, experiment, state.whitening)
    return test.seconds, seconds, model.num_parameters()


def _checkpoint(method: Method, experiment: Experiment) -> dict[str, Any]:
    """A checkpoint comes with its own steps. Held-out known relations are not scored: it may have learned from them."""
    runs, seconds = [], []
    for name in method.arguments["names"]:
        folder = checkpoint_folder(name)
        model, processor = load_encoder(folder)
        state = read_state(folder)
        settings = {} if state is None else state.settings
        components = settings.get("pca_components")
        whitening = state.whitening if state is not None and settings.get("transform") else None
        steps = next(
            key for key, value in VARIANTS.items() if value == (whitening is not None, components is not None)
        )
        test = embed(model, processor, experiment.data.test)
        scores, cluster_seconds = score_steps(test, [steps], experiment, whitening, pca_components=components)
        runs.append({"scores": {"test": scores}})
        seconds.append({"encode": test.seconds, "cluster": cluster_seconds})
    return {
        "runs": runs,
        "seconds": seconds[0],
        "parameters": model.num_parameters(),
        "seen": _seen_by_checkpoint(method.arguments["trained_on"], experiment),
        "encoder": method.encoder or BASE_REPOSITORY.split("/")[-1],
    }


def _seen_by_checkpoint(corpus: str, experiment: Experiment) -> str:
    try:
        train = load_corpus(corpus, experiment.arguments.data_dir, "train")
    except UsageError:
        return f"not checked: no {corpus} in --data_dir"
    return experiment.seen(train)
