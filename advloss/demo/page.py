"""The page: a tab for each use of each model. Gradio shows it; what it does is in `work` and `samples`."""

import html
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr

from advloss.core.errors import InputError, Interrupted
from advloss.demo import samples, work
from advloss.demo.bench import Bench, Job
from advloss.demo.examples import Example
from advloss.demo.models import Opened
from advloss.images.formats import FORMATS
from advloss.methods.uses import Generate

WAITING = 16
"""Jobs that may wait; more are refused."""
KEPT = (300, 1800)
"""How often old files are looked for, and how old they must be to be removed, in seconds."""
OWN_FORMAT = "as the picture"
FILES = [".zip", *FORMATS]
log = logging.getLogger(__name__)


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


class Asking:
    """What tabs share: the places for uploads, results and messages, and buttons that ask the bench."""

    def __init__(self, bench: Bench, examples: Sequence[Example]) -> None:
        self.bench, self.examples = bench, examples

    def pictures(self) -> gr.File:
        """Where pictures are uploaded, or examples are taken."""
        label = "A picture, several, or a .zip of pictures"
        upload = gr.File(label=label, file_count="multiple", file_types=FILES, height=140)
        if self.examples:
            shown = gr.Gallery(
                [(str(each.thumbnail), each.file.name) for each in self.examples],
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
                return [str(self.examples[chosen.index].file)]

            shown.select(take, None, upload, queue=False, show_progress="hidden", api_visibility="private")
        return upload

    def message(self) -> gr.Textbox:
        """Where the user is told what was done, or why not."""
        return gr.Textbox(label="What was done", lines=2, max_lines=12, interactive=False, elem_classes="message")

    def asked(
        self, event: Callable, work: Callable[..., Any], given: list[Any], shown: list[Any], message: gr.Textbox
    ) -> None:
        """Lets an event do `work` (job, values of `given`) with results for `shown`: one for one, else several."""

        def run(*values: Any) -> list[Any]:
            try:
                made, lines = self.bench.do(lambda job: work(job, *values))
            except InputError as error:
                return [*[None] * len(shown), _refused(self.bench.words(error))]
            except Interrupted as error:
                return [*[None] * len(shown), _refused(str(error))]
            except Exception as error:
                log.exception("a job failed")
                return [*[None] * len(shown), _refused(f"this went wrong: {type(error).__name__}: {error}")]
            results = [made] if len(shown) == 1 else list(made)
            return [*results, gr.update(value="\n".join(lines), label="What was done", elem_classes=["message"])]

        outputs = [*shown, message]
        event(
            run,
            given,
            outputs,
            concurrency_id="bench",
            concurrency_limit=1,
            show_progress="minimal",
            api_visibility="private",
        )


def _refused(why: str) -> Any:
    return gr.update(value=why, label="This could not be done", elem_classes=["message", "refused"])


def _slider() -> gr.ImageSlider:
    return gr.ImageSlider(
        label="Before, after", type="filepath", interactive=False, max_height=620, buttons=["fullscreen"]
    )


def _results() -> gr.File:
    return gr.File(label="Results", file_count="multiple", interactive=False, elem_classes="results")


def _formats() -> gr.Dropdown:
    names = [suffix[1:] for suffix, form in FORMATS.items() if form.write is not None]
    return gr.Dropdown([OWN_FORMAT, *names], value=OWN_FORMAT, label="Format of the results")


def _format(name: str) -> str | None:
    return None if name == OWN_FORMAT else name


def _translate(one: Opened, ask: Asking) -> None:
    directions = one.model.directions
    with gr.Row():
        with gr.Column():
            upload = ask.pictures()
            with gr.Row():
                direction = gr.Dropdown(directions, value=directions[0], label="Direction", visible=len(directions) > 1)
                form = _formats()
            button = gr.Button("Translate", variant="primary")
        with gr.Column():
            slider, results, message = _slider(), _results(), ask.message()

    def run(job: Job, files: Any, direction: str, form: str) -> tuple[Any, Any]:
        shown = work.translate(ask.bench, job, one, files, direction, _format(form))
        return shown.pair, shown.files

    ask.asked(button.click, run, [upload, direction, form], [slider, results], message)


def _upscale(one: Opened, ask: Asking) -> None:
    with gr.Row():
        with gr.Column():
            upload = ask.pictures()
            with gr.Row():
                form = _formats()
                ensemble = gr.Checkbox(label="Self-ensemble", info="The mean of 8 passes: better, 8 times slower.")
            button = gr.Button("Upscale", variant="primary")
        with gr.Column():
            slider, results, message = _slider(), _results(), ask.message()

    def run(job: Job, files: Any, form: str, ensemble: bool) -> tuple[Any, Any]:
        shown = work.upscale(ask.bench, job, one, files, ensemble, _format(form))
        return shown.pair, shown.files

    ask.asked(button.click, run, [upload, form, ensemble], [slider, results], message)


def _tokenize(one: Opened, ask: Asking) -> None:
    coded = one.model.tokenizer("tokenize").codes is not None
    with gr.Row():
        with gr.Column():
            upload = ask.pictures()
            size = gr.Number(
                None,
                label="Size",
                info="Shorter side in pixels, of which the middle square is taken; empty: as it is.",
                precision=0,
                minimum=1,
            )
            button = gr.Button("Tokenize" if coded else "Reconstruct", variant="primary")
        with gr.Column():
            slider = _slider()
            grid = gr.Image(
                label="Tokens, a colour for each code",
                type="filepath",
                interactive=False,
                visible=coded,
                height=300,
                buttons=["fullscreen"],
            )
            results, message = _results(), ask.message()

    def run(job: Job, files: Any, size: float | None) -> tuple[Any, Any, Any]:
        shown = work.tokenize(ask.bench, job, one, files, int(size) if size else None)
        return shown.pair, shown.grid, shown.files

    ask.asked(button.click, run, [upload, size], [slider, grid, results], message)


def _generate(one: Opened, ask: Asking) -> None:
    use, ways = one.model.use("generate"), samples.forms(one)
    assert isinstance(use, Generate)
    classes = list(one.model.classes(use.label) or ()) if use.label else []
    with gr.Row():
        with gr.Column():
            way = gr.Radio(ways, value=ways[0], label="As", visible=len(ways) > 1)
            with gr.Row():
                count = gr.Number(16, label="Images", precision=0, minimum=1, maximum=samples.COUNT_MOST)
                seed = gr.Number(0, label="Seed", info="Image i depends on it and on i alone.", precision=0, minimum=0)
            steps = gr.Slider(
                2, samples.STEPS_MOST, 20, step=1, label="Steps from each image to the next", visible=False
            )
            label = gr.Dropdown(
                ["all in turn", *classes], value="all in turn", label="Class", visible=use.label is not None
            )
            truncate = gr.Number(
                None,
                label="Truncate",
                info="Below 1 images are better, and more alike; empty: not at all.",
                visible=samples.truncates(one),
            )
            button = gr.Button("Make", variant="primary")
        with gr.Column():
            image = gr.Image(label="Samples", type="filepath", interactive=False, height=520, buttons=["fullscreen"])
            results, message = _results(), ask.message()

    def chosen(way: str) -> tuple[Any, Any]:
        walk = way == samples.WALK
        return gr.update(visible=walk), gr.update(value=4 if walk else 16)

    way.change(chosen, way, [steps, count], queue=False, show_progress="hidden", api_visibility="private")

    def run(job: Job, way: str, count: int, seed: int, steps: int, label: str, truncate: float | None) -> Any:
        said = (int(seed or 0), None if label == "all in turn" else label, truncate or None)
        if way == samples.WALK:
            return samples.walk(ask.bench, job, one, int(count or 0), int(steps), *said)
        return samples.sample(ask.bench, job, one, way, int(count or 0), *said)

    ask.asked(button.click, run, [way, count, seed, steps, label, truncate], [image, results], message)


def _inpaint(one: Opened, ask: Asking) -> None:
    with gr.Row():
        with gr.Column():
            upload = ask.pictures()
            editor = gr.ImageEditor(
                label="Draw over what is to be filled",
                type="filepath",
                format="png",
                sources=(),
                transforms=(),
                layers=False,
                brush=gr.Brush(default_size=24, colors=["#ffffff"], color_mode="fixed"),
                height=460,
                buttons=[],
            )
            masks = gr.File(
                label="Or masks: white in holes; for several pictures under their names, or a .zip",
                file_count="multiple",
                file_types=FILES,
                height=110,
            )
            button = gr.Button("Fill", variant="primary")
        with gr.Column():
            slider, results, message = _slider(), _results(), ask.message()

    def start(job: Job, files: Any) -> Any:
        background = work.start_of_drawing(ask.bench, job, files) if files else None
        return {"background": background, "layers": [], "composite": None} if background else None

    ask.asked(upload.change, start, [upload], [editor], message)

    def run(job: Job, files: Any, drawn: Any, masks: Any) -> tuple[Any, Any]:
        shown = work.inpaint(ask.bench, job, one, files, (drawn or {}).get("layers") or [], masks)
        return shown.pair, shown.files

    ask.asked(button.click, run, [upload, editor, masks], [slider, results], message)


def _classify(one: Opened, ask: Asking) -> None:
    with gr.Row():
        with gr.Column():
            upload = ask.pictures()
            button = gr.Button("Classify", variant="primary")
        with gr.Column():
            label = gr.Label(label="Classes", num_top_classes=work.CLASSES_SHOWN)
            table = gr.Dataframe(
                headers=["file", "class", "probability"],
                label="Classes of each picture",
                interactive=False,
                visible=False,
                wrap=True,
            )
            results, message = _results(), ask.message()

    def run(job: Job, files: Any) -> tuple[Any, Any, Any]:
        shown = work.classify(ask.bench, job, one, files)
        several = shown.rows is not None
        return (
            gr.update(value=shown.classes, visible=not several),
            gr.update(value=shown.rows, visible=several),
            shown.files,
        )

    ask.asked(button.click, run, [upload], [label, table, results], message)


TABS: dict[str, Callable[[Opened, Asking], None]] = {
    "translate": _translate,
    "upscale": _upscale,
    "tokenize": _tokenize,
    "generate": _generate,
    "inpaint": _inpaint,
    "classify": _classify,
}
"""What shows a use, by its name."""
