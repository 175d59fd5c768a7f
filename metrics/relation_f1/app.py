"""Demo of the relation F1 module: triples of documents in, scores out. Start it with `python app.py`; needs gradio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate


def score(references: str, predictions: str) -> dict[str, float]:
    """Score two texts with one `head | relation | tail` per line and a blank line between documents."""
    metric = evaluate.load(str(Path(__file__).with_name("relation_f1.py")))
    return metric.compute(references=_documents(references), predictions=_documents(predictions))


def _documents(text: str) -> list[list[list[str]]]:
    documents: list[list[list[str]]] = [[]]
    for line in map(str.strip, text.splitlines()):
        if not line:
            documents.append([])
        elif line != "-":
            documents[-1].append([part.strip() for part in line.split("|")])
    return documents


def build() -> Any:
    """The page as a `gradio.Interface`."""
    import gradio as gr

    def answer(references: str, predictions: str) -> dict[str, float]:
        try:
            return score(references, predictions)
        except (TypeError, ValueError) as error:
            raise gr.Error(str(error)) from error

    layout = "one head | relation | tail per line, a blank line between documents, - for a document without triples"
    return gr.Interface(
        fn=answer,
        inputs=[
            gr.Textbox("Ada | born in | Holm\nAda | met | Bob\n\nEve | met | Bob", lines=6, label=f"Gold: {layout}"),
            gr.Textbox("Ada | born in | Holm\nBob | met | Ada\n\n-", lines=6, label=f"Predicted: {layout}"),
        ],
        outputs=gr.JSON(label="Scores"),
        title="Relation F1",
    )


if __name__ == "__main__":
    build().launch()
