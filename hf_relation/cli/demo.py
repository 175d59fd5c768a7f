"""`hf-relation demo`: relation discovery in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from hf_relation.cli.console import messages
from hf_relation.cli.options import Debug, Model


def command(
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to listen on. The default is this machine alone; the page has no password."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Default: the first free one from 7860 up.")
    ] = None,
    model: Model = None,
    max_rows: Annotated[
        int, typer.Option("--max-rows", min=1, help="Most sentences or texts of a run, and pairs found in texts.")
    ] = 2000,
    max_chars: Annotated[int, typer.Option("--max-chars", min=1, help="Most characters of a sentence.")] = 2000,
    max_text_chars: Annotated[
        int, typer.Option("--max-text-chars", min=1, help="Most characters of a plain text or document.")
    ] = 20_000,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=1, help="Most bytes of the text box or an uploaded file.")
    ] = 4 * 2**20,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds after which a run is stopped; loading does not count.")
    ] = 120,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser on this machine.")] = False,
    debug: Debug = False,
) -> None:
    """Serve a page on this machine where relation discovery can be tried; Ctrl-C ends it."""
    from hf_relation.demo import DemoLimits, build_demo, launch_demo

    limits = DemoLimits(
        max_rows=max_rows,
        max_chars=max_chars,
        max_text_chars=max_text_chars,
        max_bytes=max_bytes,
        timeout=timeout,
    )
    demo = build_demo(model, limits=limits)
    url = launch_demo(demo, limits=limits, host=host, port=port, open_browser=open_browser, block=False)
    messages().print(f"Serving at {url} (Ctrl-C to stop).", markup=False, soft_wrap=True)
    demo.block_thread()
