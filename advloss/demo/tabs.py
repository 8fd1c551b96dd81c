"""A tab for each use: what is asked, and what is shown. What is done is in `work` and `samples`."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from advloss.demo import samples, work
from advloss.demo.asking import FILES, Asking, answer, message, pictures
from advloss.demo.bench import Job
from advloss.demo.models import Opened
from advloss.images.formats import FORMATS
from advloss.methods.uses import Generate

OWN_FORMAT = "as the picture"
ALL = "all in turn"


def _slider() -> gr.ImageSlider:
    return gr.ImageSlider(
        label="Before, after", type="filepath", interactive=False, max_height=620, buttons=["fullscreen"]
    )


def _results() -> gr.File:
    return gr.File(label="Results", file_count="multiple", interactive=False, elem_classes="results")


def _formats() -> gr.Dropdown:
    first = {form.name: suffix[1:] for suffix, form in reversed(FORMATS.items()) if form.write is not None}
    return gr.Dropdown([OWN_FORMAT, *sorted(first.values())], value=OWN_FORMAT, label="Format of the results")


def _format(name: str) -> str | None:
    return None if name == OWN_FORMAT else name


def _translate(one: Opened, ask: Asking) -> None:
    directions = one.model.directions
    with gr.Row():
        with gr.Column():
            upload = pictures(ask)
            with gr.Row():
                direction = gr.Dropdown(directions, value=directions[0], label="Direction", visible=len(directions) > 1)
                form = _formats()
            button = gr.Button("Translate", variant="primary")
        with gr.Column():
            slider, results, said = _slider(), _results(), message()

    def run(job: Job, files: Any, direction: str, form: str) -> tuple[Any, Any]:
        shown = work.translate(ask.bench, job, one, files, direction, _format(form))
        return shown.pair, shown.files

    answer(ask, button.click, run, [upload, direction, form], [slider, results], said)


def _upscale(one: Opened, ask: Asking) -> None:
    with gr.Row():
        with gr.Column():
            upload = pictures(ask)
            with gr.Row():
                form = _formats()
                ensemble = gr.Checkbox(label="Self-ensemble", info="The mean of 8 passes: better, 8 times slower.")
            button = gr.Button("Upscale", variant="primary")
        with gr.Column():
            slider, results, said = _slider(), _results(), message()

    def run(job: Job, files: Any, form: str, ensemble: bool) -> tuple[Any, Any]:
        shown = work.upscale(ask.bench, job, one, files, ensemble, _format(form))
        return shown.pair, shown.files

    answer(ask, button.click, run, [upload, form, ensemble], [slider, results], said)


def _tokenize(one: Opened, ask: Asking) -> None:
    coded = one.model.tokenizer("tokenize").codes is not None
    with gr.Row():
        with gr.Column():
            upload = pictures(ask)
            why = "Shorter side in pixels, of which the middle square is taken; 0: as it is."
            size = gr.Number(0, label="Size", info=why, precision=0)  # an empty one is 0 for gradio
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
            results, said = _results(), message()

    def run(job: Job, files: Any, size: float | None) -> tuple[Any, Any, Any]:
        shown = work.tokenize(ask.bench, job, one, files, int(size) if size else None)
        return shown.pair, shown.grid, shown.files

    answer(ask, button.click, run, [upload, size], [slider, grid, results], said)


def _generate(one: Opened, ask: Asking) -> None:
    ways = samples.forms(one)
    with gr.Row():
        with gr.Column():
            way = gr.Radio(ways, value=ways[0], label="As", visible=len(ways) > 1)
            with gr.Row():
                count = gr.Number(16, label="Images", precision=0)
                seed = gr.Number(0, label="Seed", info="Image i depends on it and on i alone.", precision=0)
            steps = gr.Slider(
                2, samples.STEPS_MOST, 20, step=1, label="Steps from each image to the next", visible=False
            )
            label, truncate = _class(one), _truncate(one)
            button = gr.Button("Make", variant="primary")
        with gr.Column():
            image = gr.Image(label="Samples", type="filepath", interactive=False, height=520, buttons=["fullscreen"])
            results, said = _results(), message()

    def chosen(way: str) -> tuple[Any, Any]:
        walk = way == samples.WALK
        return gr.update(visible=walk), gr.update(value=4 if walk else 16)

    way.change(chosen, way, [steps, count], queue=False, show_progress="hidden", api_visibility="private")

    def run(job: Job, way: str, count: int, seed: int, steps: int, label: str, truncate: float | None) -> Any:
        said = (int(seed or 0), None if label == ALL else label, truncate or None)
        if way == samples.WALK:
            return samples.walk(ask.bench, job, one, int(count or 0), int(steps), *said)
        return samples.sample(ask.bench, job, one, way, int(count or 0), *said)

    answer(ask, button.click, run, [way, count, seed, steps, label, truncate], [image, results], said)


def _class(one: Opened) -> gr.Dropdown:
    use = one.model.use("generate")
    assert isinstance(use, Generate)
    classes = list(one.model.classes(use.label) or ()) if use.label else []
    return gr.Dropdown([ALL, *classes], value=ALL, label="Class", visible=use.label is not None)


def _truncate(one: Opened) -> gr.Number:
    why = "Below 1 images are better, and more alike; 0: not at all."
    return gr.Number(0, label="Truncate", info=why, visible=samples.truncates(one))


def _inpaint(one: Opened, ask: Asking) -> None:
    with gr.Row():
        with gr.Column():
            upload = pictures(ask)
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
            slider, results, said = _slider(), _results(), message()

    def start(job: Job, files: Any) -> Any:
        background = work.start_of_drawing(ask.bench, job, files) if files else None
        return {"background": background, "layers": [], "composite": None} if background else None

    answer(ask, upload.change, start, [upload], [editor], said)

    def run(job: Job, files: Any, drawn: Any, masks: Any) -> tuple[Any, Any]:
        shown = work.inpaint(ask.bench, job, one, files, (drawn or {}).get("layers") or [], masks)
        return shown.pair, shown.files

    answer(ask, button.click, run, [upload, editor, masks], [slider, results], said)


def _classify(one: Opened, ask: Asking) -> None:
    with gr.Row():
        with gr.Column():
            upload = pictures(ask)
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
            results, said = _results(), message()

    def run(job: Job, files: Any) -> tuple[Any, Any, Any]:
        shown = work.classify(ask.bench, job, one, files)
        several = shown.rows is not None
        return (
            gr.update(value=shown.classes, visible=not several),
            gr.update(value=shown.rows, visible=several),
            shown.files,
        )

    answer(ask, button.click, run, [upload], [label, table, results], said)


TABS: dict[str, Callable[[Opened, Asking], None]] = {
    "translate": _translate,
    "upscale": _upscale,
    "tokenize": _tokenize,
    "generate": _generate,
    "inpaint": _inpaint,
    "classify": _classify,
}
"""What shows a use, by its name."""
