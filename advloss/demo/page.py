"""The page: a tab for each use of each model. Gradio shows it; what is done is in `work` and `samples`."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr

from advloss.demo.asking import Asking
from advloss.demo.bench import Bench
from advloss.demo.examples import Example
from advloss.demo.models import Opened
from advloss.demo.tabs import TABS

WAITING = 16
"""Jobs that may wait; more are refused."""
KEPT = (300, 1800)
"""How often old files are looked for, and how old they must be to be removed, in seconds."""


def application(models: Sequence[Opened], bench: Bench, examples: Sequence[Example]) -> Any:
    """The page as an ASGI application."""
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return gr.mount_gradio_app(
        fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        _blocks(models, bench, examples),
        path="/",
        max_file_size=bench.limits.bytes,
        footer_links=[],
        show_error=True,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=theme,
        css=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
    )


def _blocks(models: Sequence[Opened], bench: Bench, examples: Sequence[Example]) -> gr.Blocks:
    tabs = [(one, use) for one in models for use in one.uses]
    with gr.Blocks(title="advloss demo", analytics_enabled=False, delete_cache=KEPT) as blocks:
        if len(tabs) == 1:
            _tab(*tabs[0], bench, examples)
        else:
            with gr.Tabs():
                for one, use in tabs:
                    with gr.Tab(f"{use}: {one.name}"):
                        _tab(one, use, bench, examples)
    blocks.queue(max_size=WAITING, api_open=False, default_concurrency_limit=1)
    return blocks


def _tab(one: Opened, use: str, bench: Bench, examples: Sequence[Example]) -> None:
    """One use of one model."""
    gr.HTML(f"<h2>{html.escape(one.name)}</h2><p class='about'>{use}: {html.escape(one.about())}</p>")
    TABS[use](one, Asking(bench, examples))
