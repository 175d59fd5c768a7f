"""`build_demo`: the page, and what happens when its button is pressed."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_relation.clustering.algorithms import ALGORITHMS
from hf_relation.compat import import_optional
from hf_relation.demo.handler import AS_STORED, discover
from hf_relation.demo.limits import DemoLimits
from hf_relation.demo.views import INSTANCE_COLUMNS, RELATION_COLUMNS
from hf_relation.demo.worker import DiscoveryWorker
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    import gradio

SAMPLES = {
    "People: 72 sentences": ("people.txt", None),
    "General: 282 sentences": ("general.txt", None),
    "Biomedicine: 84 sentences": ("biomedicine.txt", None),
    "Plain text and names: 30 texts": ("towns.txt", "towns.names.txt"),
}
"""Names of the example inputs, and their files in `samples/`: the text, and the list of names that goes with it."""

_MAX_SEED = 2**32 - 1
_KEPT_SECONDS = 3600  # how long uploads and downloads are kept
_INTRODUCTION = """# Relation discovery

Finds the relations that sentences express, without being told which there are. Give one sentence a line, with two mentions
marked: `<head>Ada</head> was born in <tail>Rome</tail>.` JSON lines and files work as well.

Or give plain text, and the names of the entities in it: two names in one sentence are a pair. **Co-reference is not
resolved:** what is said of "she" or "the company" is left out.
"""
_WINDOWS = [1, 2, 3, 4, 5]


def build_demo(
    model: str | None = None, *, limits: DemoLimits | None = None, worker: DiscoveryWorker | None = None
) -> gradio.Blocks:
    """Build the page. Nothing is loaded or started before somebody opens it.

    Nothing a visitor gives is a path or an address: an upload is bytes under a name that the server chose. Texts are shown
    as text, never as HTML or Markdown. Analytics, flagging and caching of examples are off.

    Args:
        model (`str`, *optional*): as for [`~hf_relation.RelationDiscovery.from_pretrained`]; chosen here, not by visitors.
        limits ([`DemoLimits`], *optional*): what one run may take.
        worker ([`DiscoveryWorker`], *optional*): what does the runs; by default a new one for `model`.

    Returns:
        `gradio.Blocks`: for [`launch_demo`].

    Raises:
        ImportError: gradio or another part of the extra `demo` is not installed; the message says how to get it.
        UsageError: both a model and a worker.
    """
    if model is not None and worker is not None:
        raise UsageError("Give `model` or `worker`, which has its own model, not both.")
    gr = import_optional("gradio", extra="demo")
    for needed in ("plotly.graph_objects", "jinja2", "sentencex"):  # by the runs, in a process of their own
        import_optional(needed, extra="demo")
    limits = limits or DemoLimits()
    worker = worker or DiscoveryWorker(model, timeout=limits.timeout)
    folder = resources.files("hf_relation.demo") / "samples"
    samples = {
        label: ["" if name is None else (folder / name).read_text(encoding="utf-8") for name in pair]
        for label, pair in SAMPLES.items()
    }
    with gr.Blocks(title="hf_relation", analytics_enabled=False, delete_cache=(600, _KEPT_SECONDS)) as demo:
        gr.Markdown(_INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                text = gr.Textbox(
                    next(iter(samples.values()))[0],
                    label="Sentences or plain text",
                    info=f"One sentence or text a line; at most {limits.max_rows:,} lines, sentences with {limits.max_chars:,} "
                    f"characters, plain texts with {limits.max_text_chars:,}",
                    lines=11,
                    max_lines=11,
                    elem_id="sentences",
                )
                names = gr.Textbox(
                    label="Names of entities, for plain text",
                    info="One a line, with its type behind a tab if you like; empty where mentions are marked. Whole words; case "
                    "counts. Pronouns are not resolved.",
                    placeholder="Ada Brenner\nLindau",
                    lines=4,
                    max_lines=4,
                    elem_id="names",
                )
                examples = gr.Examples(
                    list(samples.values()),
                    [text, names],
                    example_labels=list(samples),
                    cache_examples=False,
                    label="Examples",
                    elem_id="examples",
                    api_visibility="private",
                )
            with gr.Column(scale=2, min_width=280):
                file = gr.File(
                    label="or a file: .jsonl, .csv or .txt, UTF-8",
                    file_types=[".jsonl", ".csv", ".txt"],
                    type="filepath",
                    height=130,
                    elem_id="upload",
                )
                _take_uploads_only(file)
                number = gr.Textbox(
                    "auto",
                    label="Number of relations",
                    info="auto: estimated from the data; or a whole number",
                    max_lines=1,
                    elem_id="number",
                )
                with gr.Row():
                    algorithm = gr.Dropdown(
                        [AS_STORED, *ALGORITHMS],
                        value=AS_STORED,
                        label="Algorithm",
                        min_width=140,
                        elem_id="algorithm",
                    )
                    seed = gr.Number(
                        0, label="Seed", precision=0, minimum=0, maximum=_MAX_SEED, min_width=90, elem_id="seed"
                    )
                with gr.Row():
                    window = gr.Dropdown(
                        _WINDOWS,
                        value=1,
                        label="Window",
                        info="plain text: two names within so many sentences",
                        min_width=140,
                        elem_id="window",
                    )
                    both = gr.Checkbox(
                        False,
                        label="Both directions",
                        info="plain text: every pair twice",
                        min_width=140,
                        elem_id="both",
                    )
                button = gr.Button("Discover relations", variant="primary", elem_id="discover")
        with gr.Column(visible=False, elem_id="results") as results:
            line = gr.Markdown(elem_id="summary")
            notes = gr.Textbox(
                label="What became of the texts",
                interactive=False,
                visible=False,
                lines=1,
                max_lines=8,
                elem_id="notes",
            )
            relations = gr.Dataframe(
                headers=list(RELATION_COLUMNS),
                datatype=["number", "str", "number", "number", "str", "str"],
                type="array",
                label="Relations",
                interactive=False,
                wrap=True,
                column_widths=["50px", "210px", "70px", "90px", "330px", "430px"],
                elem_id="relations",
            )
            figure = gr.Plot(label="Map: one point a sentence, like ones close together", elem_id="map")
            rows = gr.Dataframe(
                headers=list(INSTANCE_COLUMNS),
                datatype=["str", "str", "str", "number", "str", "str"],
                type="array",
                label="Sentences",
                interactive=False,
                wrap=True,
                column_widths=["190px", "145px", "145px", "80px", "500px", "120px"],
                show_search="filter",
                elem_id="instances",
            )
            files = gr.File(label="Download", file_count="multiple", interactive=False, elem_id="downloads")
        button.click(
            partial(discover, limits, worker),
            [text, names, file, number, algorithm, seed, window, both],
            [results, line, notes, relations, figure, rows, files],
            api_name="discover",
            concurrency_limit=1,
            show_progress_on=[button],
            scroll_to_output=False,
        )
        # A file takes the place of the text, and an example that of the file; both happen in the browser.
        file.upload(None, None, text, js="() => ''")
        examples.load_input_event.then(None, None, file, js="() => null")
        demo.load(worker.start, api_visibility="private")
    demo.queue(max_size=int(limits.max_queue), api_open=False)
    return demo


def _take_uploads_only(file: Any) -> None:
    """gradio downloads a file where a request names an address instead of an upload; this page fetches nothing."""
    move = file.async_move_resource_to_block_cache

    async def move_upload(path: Any) -> Any:
        if not Path(path).is_absolute():
            import gradio as gr

            raise gr.Error("A file must be uploaded; addresses are not fetched.", print_exception=False)
        return await move(path)

    file.async_move_resource_to_block_cache = move_upload
