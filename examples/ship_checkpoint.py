"""Turn a trained MORE checkpoint into the few megabytes that ship inside the package.

Keeps what training changed in the base encoder, as low-rank factors, and the whitening, at a lower rank; what
`hf_relation.checkpoints` merges with the base on first use. Run examples/evaluate_checkpoint.py afterwards: what ships is
scored, not what was trained.

Example:
  python examples/ship_checkpoint.py runs/more/seed-0 hf_relation/shipped/more-minilm-fewrel --rank 64 --max_bytes 3000000
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import load_file, save_file

from hf_relation.cards import write_model_card
from hf_relation.checkpoints import BASE_REPOSITORY, BASE_SHA256, FORMAT_VERSION, base_encoder_path
from hf_relation.clustering import WithinClassWhitening
from hf_relation.deltas import factorize_delta
from hf_relation.discovery.state import DiscoveryState, read_state, write_state
from hf_relation.errors import CheckpointError, HfRelationError


PREFIX = "backbone."
COPIED = ("config.json", "processor_config.json", "tokenizer_config.json")


def ship(
    trained: Path, target: Path, *, rank: int, max_bytes: int | None, whitening_rank: int, algorithm: dict[str, object]
) -> None:
    """Write the shipped form of a trained checkpoint; an older one in the same place is replaced."""
    base_folder = base_encoder_path()
    base = {PREFIX + key: value for key, value in load_file(base_folder / "model.safetensors").items()}
    base = {key: value for key, value in base.items() if value.dtype.kind == "f"}
    tuned = load_file(trained / "model.safetensors")
    state = read_state(trained)
    if state is None:
        raise CheckpointError(f"{trained} holds no discovery.json; train it with examples/train_more.py.")
    known = len(json.loads((base_folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    tokens = json.loads((trained / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    manifest = {
        "format_version": FORMAT_VERSION,
        "base_repository": BASE_REPOSITORY,
        "base_sha256": BASE_SHA256,
        "prefix": PREFIX,
        "added_tokens": [token for token in tokens if token["id"] >= known],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        save_file(factorize_delta(base, tuned, rank=rank, max_bytes=max_bytes), work / "delta.safetensors")
        (work / "checkpoint.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for name in COPIED:
            if (trained / name).is_file():
                shutil.copyfile(trained / name, work / name)
        whitening = state.whitening
        if whitening is not None:
            whitening = WithinClassWhitening.from_state(whitening.get_state("float16", rank=whitening_rank))
        results = json.loads((trained.parent / "results.json").read_text(encoding="utf-8"))
        seed = json.loads((trained / "run.json").read_text(encoding="utf-8"))["seed"]
        write_model_card(
            work,
            results,
            name=target.name,
            seed=seed,
            base_model=BASE_REPOSITORY,
            license="apache-2.0",
            limits=[
                f"What ships is a low-rank form of the trained model; its own figures are in model_cards/{target.name}.md."
            ],
        )
        write_state(work, DiscoveryState(state.settings | algorithm, whitening))
        shutil.rmtree(target, ignore_errors=True)
        work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path, help="folder of one seed, written by examples/train_more.py")
    parser.add_argument("target", type=Path, help="folder to write; replaced if it exists")
    parser.add_argument("--rank", type=int, default=8, help="most columns of the factors of a changed matrix")
    parser.add_argument("--max_bytes", type=int, help="space for all factors together; default: no limit but the rank")
    parser.add_argument("--whitening_rank", type=int, default=256, help="directions of the whitening to keep")
    parser.add_argument("--settings", default="{}", help="discovery settings to change, as JSON")
    args = parser.parse_args(argv)
    ship(
        args.trained,
        args.target,
        rank=args.rank,
        max_bytes=args.max_bytes,
        whitening_rank=args.whitening_rank,
        algorithm=json.loads(args.settings),
    )
    for path in sorted(args.target.iterdir()):
        print(f"{path.stat().st_size:>10,} bytes  {path.name}")
    print(f"{sum(path.stat().st_size for path in args.target.iterdir()):>10,} bytes in all")


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
