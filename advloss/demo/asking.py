"""What the tabs of the page share: places for uploads and messages, and buttons that have work done."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from advloss.core.errors import InputError, Interrupted
from advloss.demo.bench import Bench
from advloss.demo.examples import Example
from advloss.images.formats import FORMATS

FILES = [".zip", *FORMATS]
DONE, REFUSED = "What was done", "This could not be done"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
    """Who does the work that a tab asks for, and the pictures that its users may take."""

    bench: Bench
    examples: Sequence[Example]


def pictures(ask: Asking) -> gr.File:
    """Where pictures are uploaded, or examples are taken."""
    label = "A picture, several, or a .zip of pictures"
    upload = gr.File(label=label, file_count="multiple", file_types=FILES, height=140)
    if ask.examples:
        shown = gr.Gallery(
            [(str(each.thumbnail), each.file.name) for each in ask.examples],
            label="Examples: click one to take it",
            columns=6,
            height=170,
            allow_preview=False,
            buttons=[],
            interactive=False,
            object_fit="contain",
            elem_classes="examples",
        )

        def take(chosen: gr.SelectData) -> list[str]:
            return [str(ask.examples[chosen.index].file)]

        shown.select(take, None, upload, queue=False, show_progress="hidden", api_visibility="private")
    return upload


def message() -> gr.Textbox:
    """Where the user is told what was done, or why not."""
    return gr.Textbox(label=DONE, lines=2, max_lines=12, interactive=False, elem_classes="message")


def answer(
    ask: Asking, event: Callable, work: Callable[..., Any], given: list[Any], shown: list[Any], said: gr.Textbox
) -> None:
    """Lets an event have `work` done: (job, values of `given`) to what `shown` shows, one value or a tuple of several.
    said: gets what was done, or why not."""

    def run(*values: Any) -> list[Any]:
        try:
            made, lines = ask.bench.do(lambda job: work(job, *values))
        except (InputError, Interrupted) as error:
            return [*[None] * len(shown), _refused(ask.bench.words(error))]
        except Exception as error:
            log.exception("a job failed")
            return [*[None] * len(shown), _refused(f"this went wrong: {type(error).__name__}: {error}")]
        results = [made] if len(shown) == 1 else list(made)
        return [*results, gr.update(value="\n".join(lines), label=DONE, elem_classes=["message"])]

    event(
        run,
        given,
        [*shown, said],
        concurrency_id="bench",
        concurrency_limit=1,
        show_progress="minimal",
        api_visibility="private",
    )


def _refused(why: str) -> Any:
    return gr.update(value=why, label=REFUSED, elem_classes=["message", "refused"])
