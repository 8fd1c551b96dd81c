"""How cost grows: the settings, and the plot."""

import json
from pathlib import Path

from PIL import Image

from tools import benchmark

TINY = ["networks.generator.width=4", "networks.generator.blocks=1"]


def test_each_setting_is_measured_and_drawn(tmp_path: Path) -> None:
    out, plot = tmp_path / "x.json", tmp_path / "plots" / "x.png"
    words = ["--batches", "1", "2", "--sizes", "32", "64", "--size", "32", "--seconds", "0.01"]
    assert benchmark.main(["scaling", *TINY, *words, "--out", str(out), "--plot", str(plot)]) == 0
    over = json.loads(out.read_text(encoding="utf-8"))["result"]["over"]
    assert [(each["batch"], each["size"]) for each in over["batch"]] == [(1, 32), (2, 32)]
    assert [(each["batch"], each["size"]) for each in over["size"]] == [(1, 32), (1, 64)]
    for each in (*over["batch"], *over["size"]):
        assert each["images_per_second"] == each["batch"] * each["iterations_per_second"] > 0
        assert each["peak_memory_bytes"] > 10e6
    with Image.open(plot) as picture:
        assert picture.format == "PNG" and min(picture.size) >= 400
