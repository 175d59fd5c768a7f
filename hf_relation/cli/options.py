"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
BatchTokens = Annotated[
    int | None, typer.Option("--batch-tokens", min=1, help="Most tokens in one batch; lower it to save memory.")
]
Backend = Annotated[
    Literal["torch", "torch-compile", "onnx", "openvino"] | None,
    typer.Option(
        "--backend",
        help="What computes the embeddings: torch (the default); torch-compile, for GPUs; onnx or openvino, which need the extra of "
        "that name and make a graph of the model once. All agree to 1e-5 in float32.",
        show_default=False,
    ),
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1, ...")]
Progress = Annotated[
    bool | None,
    typer.Option(
        "--progress/--quiet",
        help="Show progress and messages on stderr. Default: in a terminal.",
        show_default=False,
    ),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out and list them, instead of failing.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Shipped name, folder or Hub id. Default: $HF_RELATION_MODEL, else `model` in the config file, else the shipped "
        "checkpoint (`hf-relation env` says which).",
        show_default=False,
    ),
]
Revision = Annotated[
    str | None,
    typer.Option("--revision", metavar="REV", help="Branch, tag or commit of a Hub id; the same for all its files."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
