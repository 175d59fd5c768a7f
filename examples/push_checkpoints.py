"""Publish what this repository holds for the Hub: the shipped checkpoints with their cards, the metrics and the Space.

Under the namespace you give, one commit each:
  NAMESPACE/more-minilm-fewrel   every shipped checkpoint, merged with its base encoder, with its card from model_cards/
  NAMESPACE/bcubed, ...          every folder of metrics/, as a Space that `evaluate.load("NAMESPACE/bcubed")` reads
  NAMESPACE/relation-discovery   examples/space, the page to try discovery in a browser

Log in first (`hf auth login`) with a token that may write. Look at --dry-run before: it prints every file with its size, and
reaches no network. Run again, it commits what has changed.

Examples:
  python examples/push_checkpoints.py my-name --dry-run
  python examples/push_checkpoints.py my-name --only checkpoints --private
  python examples/push_checkpoints.py my-name --only metrics,space --wheel dist/hf_relation-0.1.0-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hf_relation.checkpoints import checkpoint_folder, shipped_checkpoints
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.hub import PushPlan, plan_push, push
from hf_relation.uploading import RepoType


ROOT = Path(__file__).resolve().parent.parent
KINDS = ("checkpoints", "metrics", "space")
SPACE = "relation-discovery"


class Job(NamedTuple):
    """One repository to publish."""

    repo_id: str
    repo_type: RepoType
    folder: Path


def jobs(namespace: str, kinds: Sequence[str], wheel: Path | None, work: Path) -> Iterator[Job]:
    """Lay out what each repository gets, one folder each under `work`."""
    if "checkpoints" in kinds:
        for name in shipped_checkpoints():
            card = ROOT / "model_cards" / f"{name}.md"
            if not card.is_file():
                raise UsageError(f"There is no card {card} for the shipped checkpoint {name}. Write one first.")
            folder = work / "checkpoints" / name
            shutil.copytree(checkpoint_folder(name), folder)
            shutil.copyfile(card, folder / "README.md")
            yield Job(f"{namespace}/{name}", "model", folder)
    spaces = [(path.name, path) for path in sorted((ROOT / "metrics").iterdir()) if (path / "app.py").is_file()]
    for kind, found in (("metrics", spaces), ("space", [(SPACE, ROOT / "examples" / "space")])):
        for name, source in found if kind in kinds else []:
            folder = work / kind / name
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
            if wheel is not None:
                _install_from(wheel, folder)
            yield Job(f"{namespace}/{name}", "space", folder)


def _install_from(wheel: Path, folder: Path) -> None:
    """Let a Space install the package from a wheel beside it, for versions that no package index has."""
    shutil.copyfile(wheel, folder / wheel.name)
    requirements = folder / "requirements.txt"
    lines = requirements.read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if line.startswith("hf_relation")]
    if len(names) != 1:
        raise UsageError(f"{requirements} must name hf_relation in one line, so that --wheel can take its place.")
    extras = names[0].partition("[")[2].partition("]")[0]
    own = f"./{wheel.name}" + (f"[{extras}]" if extras else "")
    text = "\n".join(own if line == names[0] else line for line in lines)
    requirements.write_text(text + "\n", encoding="utf-8")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("namespace", help="your user name, or an organisation that you may write to")
    parser.add_argument(
        "--only", default=",".join(KINDS), help="some of checkpoints,metrics,space; default: %(default)s"
    )
    parser.add_argument("--private", action="store_true", help="make new repositories private")
    parser.add_argument("--revision", metavar="BRANCH", help="branch, made where it does not exist; default: main")
    parser.add_argument("--token", help="Hub token; default: that of `hf auth login`, or HF_TOKEN")
    parser.add_argument(
        "--wheel", type=Path, help="wheel of this package that the Spaces install, instead of a release"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, and nothing else there")
    args = parser.parse_args(argv)
    args.only = [kind.strip() for kind in args.only.split(",") if kind.strip()]
    unknown = sorted(set(args.only) - set(KINDS))
    if unknown or not args.only:
        parser.error(f"--only takes some of {','.join(KINDS)}, got {unknown[0] if unknown else 'nothing'}")
    if "/" in args.namespace or not args.namespace.strip():
        parser.error(f"the namespace is a user or an organisation, without a slash, got {args.namespace!r}")
    if args.wheel is not None and not (args.wheel.is_file() and args.wheel.suffix == ".whl"):
        parser.error(f"--wheel: there is no wheel {args.wheel}; make one with `python -m build --wheel`")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    out = sys.stderr if args.json else sys.stdout
    with tempfile.TemporaryDirectory(prefix="hf_relation-publish-") as temporary:
        # All plans are made before the first commit: a missing card must not be found half way.
        planned: list[tuple[Job, PushPlan]] = [
            (job, plan_push(job.folder, repo_type=job.repo_type))
            for job in jobs(args.namespace, args.only, args.wheel, Path(temporary))
        ]
        done = []
        for job, plan in planned:
            print(f"{job.repo_type} {job.repo_id}: {len(plan.files)} files, {plan.size / 1e6:.1f} MB", file=out)
            for name, size in plan.files.items():
                print(f"  {size:>12,} bytes  {name}", file=out)
            address = None
            if not args.dry_run:
                address = push(
                    plan,
                    job.repo_id,
                    private=args.private or None,
                    token=args.token,
                    revision=args.revision,
                    commit_message="Publish with hf_relation",
                ).commit_url
                print(f"  published: {address}", file=out)
            done.append(
                {"repo_id": job.repo_id, "repo_type": job.repo_type, "files": plan.files, "commit_url": address}
            )
    if args.dry_run:
        print("Nothing was sent (--dry-run).", file=out)
    if args.json:
        print(json.dumps({"sent": not args.dry_run, "repositories": done}))


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
