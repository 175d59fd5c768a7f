"""Demo of the Adjusted Rand index module: two columns of labels in, scores out. Start it with `python app.py`; needs gradio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate


def score(references: str, predictions: str, noise: str) -> dict[str, float]:
    """Score two texts with one label per line; a column of whole numbers is read as numbers."""
    metric = evaluate.load(str(Path(__file__).with_name("adjusted_rand_index.py")))
    return metric.compute(references=_labels(references), predictions=_labels(predictions), noise=noise)


def _labels(text: str) -> list[int] | list[str]:
    lines = [line.strip() for line in text.strip().splitlines()]
    try:
        return [int(line) for line in lines]
    except ValueError:
        return lines


def build() -> Any:
    """The page as a `gradio.Interface`."""
    import gradio as gr

    def answer(references: str, predictions: str, noise: str) -> dict[str, float]:
        try:
            return score(references, predictions, noise)
        except (TypeError, ValueError) as error:
            raise gr.Error(str(error)) from error

    return gr.Interface(
        fn=answer,
        inputs=[
            gr.Textbox("born in\nborn in\nspouse\nspouse", lines=6, label="Gold relations, one per line"),
            gr.Textbox("0\n0\n1\n-1", lines=6, label="Clusters, one per line; -1 means left out"),
            gr.Dropdown(["cluster", "singletons", "drop"], value="cluster", label="Left-out instances count as"),
        ],
        outputs=gr.JSON(label="Scores"),
        title="Adjusted Rand index",
    )


if __name__ == "__main__":
    build().launch()
