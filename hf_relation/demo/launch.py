"""`launch_demo`: serves the page, on this machine alone unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_relation.compat import import_optional
from hf_relation.demo.body_limit import BodyLimit
from hf_relation.demo.limits import DemoLimits
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    import gradio

# JSON needs more bytes than the text in it, and an upload comes with a few lines of its own.
_OVERHEAD = 2**16


def launch_demo(
    demo: gradio.Blocks,
    *,
    limits: DemoLimits | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    open_browser: bool = False,
    block: bool = True,
) -> str:
    """Serve the page.

    No tunnel to the internet is opened, no file outside the upload folder is served, and requests larger than the limits
    are answered with 413 before they are read.

    Args:
        demo (`gradio.Blocks`): from [`build_demo`].
        limits ([`DemoLimits`], *optional*): those the demo was built with.
        host (`str`, defaults to `"127.0.0.1"`): address to listen on; `"0.0.0.0"` is all networks, without any password.
        port (`int`, *optional*): by default the first free one from 7860 up.
        open_browser (`bool`, defaults to `False`): open the page in the browser of this machine.
        block (`bool`, defaults to `True`): serve until interrupted; else until `demo.close()`.

    Returns:
        `str`: the page's address, with `block=False`.

    Raises:
        ImportError: gradio is not installed; the message says how to get it.
        UsageError: the port is taken, or is no port.
    """
    import_optional("gradio", extra="demo")
    middleware = import_optional("starlette.middleware", extra="demo")
    limits = limits or DemoLimits()
    max_bytes = 2 * limits.max_bytes + _OVERHEAD
    if port is not None and not 1 <= port <= 65535:
        raise UsageError(f"`port` must be between 1 and 65535, got {port}.")
    try:
        _, url, _ = demo.launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=False,
            footer_links=[],
            run_history=False,
            allowed_paths=[],
            max_file_size=limits.max_bytes,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            app_kwargs={"middleware": [middleware.Middleware(BodyLimit, max_bytes=max_bytes)]},
        )
    except OSError as error:
        raise UsageError(f"cannot serve at {host}, port {port or 'any'}: {error}") from None
    # gradio takes an empty list for "as in the environment".
    demo.allowed_paths = []
    if block:
        demo.block_thread()
    return str(url)
