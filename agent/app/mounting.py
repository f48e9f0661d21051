"""How a page of ours is put into an application: one look, and nothing of Gradio's that it does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

_FONTS = (
    "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
    "sans-serif",
)  # fmt: skip


def mount_blocks(
    app: FastAPI, demo: gr.Blocks, path: str, *, css: str, head: str = "", most: int | None = 1,
    app_kwargs: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Put the page at `path`. `most`: bytes of a file that may be sent to it. `app_kwargs` go to Gradio's own application."""
    import gradio as gr

    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="slate", text_size=gr.themes.sizes.text_lg,
        font=[gr.themes.Font(name) for name in _FONTS],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
    )  # fmt: skip
    # What `launch` takes and `mount_gradio_app` does not.
    demo.state_session_capacity = 1000
    demo.max_threads = demo._queue.max_thread_count = 128
    # A mounted page is not told that it runs, and would send no sign of life to a browser that waits.
    demo.is_running = True
    gr.mount_gradio_app(
        app,
        demo,
        path=path,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        max_file_size=most,
        theme=theme,
        css=css,
        head=head,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None} | (app_kwargs or {}),
    )
