"""Opens files of images and labels (`array_file`) as a data set: one file, or a folder with one for each split."""

from collections.abc import Collection, Mapping
from pathlib import Path

from advloss.core.errors import InputError
from advloss.data.array_sets.array_file import LABELS, SUFFIX, ArrayValues, read_array_file
from advloss.data.fields import Fields, Label, from_files, kind_of
from advloss.data.sources.base import DataSet, Split, split_of
from advloss.images.reading import list_images

SPLITS = ("train", "val", "test")


def array_files(root: Path) -> dict[str, Path]:
    """The file of each split in a folder: in train/, val/ and test/, or the folder's own as train.

    Nothing if the folder holds pictures, or no such file. Raises InputError for several where one belongs.
    """
    folders = {name: root / name for name in SPLITS if (root / name).is_dir()}
    if "train" not in folders:
        folders = {"train": root}
    found: dict[str, Path] = {}
    for name, folder in folders.items():
        files = sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
        if not files or list_images(folder):
            continue
        if len(files) > 1:
            raise InputError(f"{folder}: holds {len(files)} {SUFFIX} files; name one of them, or keep one there")
        found[name] = files[0]
    return found if "train" in found else {}


def open_arrays(name: str, files: Mapping[str, Path], fields: Fields, given: Collection[str] = ()) -> DataSet:
    """The data set in these files, by split. given: the fields that are read from files of their own.

    Raises InputError for a method that needs several domains, and as `array_split` does.
    """
    if kind_of(fields) != "single":
        raise InputError(
            f"{files['train']}: its images are all of one kind, and this method needs {len(from_files(fields))}; "
            f"give each its own, {' '.join(f'data.{field}=FILE' for field in from_files(fields))}"
        )
    splits = {"train": array_split(files["train"], fields, given)}
    for split, file in files.items():
        if split != "train":
            splits[split] = array_split(file, fields, given, splits["train"])
    return DataSet(name, splits, {from_files(fields)[0]: "pictures"})


def array_split(file: Path, fields: Fields, given: Collection[str] = (), trained: Split | None = None) -> Split:
    """The images of a file as the one image field, with its labels where a field takes them.

    trained: the split that these images are to validate; None: they are for training. Raises InputError for what is no
    such file, for fewer than two images to train on, and for labels that are missing, or all of one class.
    """
    image = from_files(fields)[0]
    labels = [name for name, field in fields.items() if isinstance(field, Label) and name not in given]
    label = next((name for name in labels if fields[name].source == fields[image].source), None)
    classes = trained.rows[label].classes if trained and label in trained.rows else None
    values, rows = read_array_file(file.expanduser(), classes)
    if trained is None and len(values) < 2:
        raise InputError(f"{file}: holds {len(values)} image, and at least 2 are needed")
    if label is None:
        return split_of(fields, {image: values}, False)
    needed = not fields[label].optional
    if rows is None and needed:
        raise InputError(
            f"{file}: has no '{LABELS}', int64 [N], and this method needs them; or say data.{label}=FILE.npy"
        )
    if rows is not None and needed and trained is None and rows.values.min() == rows.values.max():
        only = (rows.classes or ())[int(rows.values[0])]
        raise InputError(f"{file}: all its '{LABELS}' are of one class, '{only}'; at least two classes are needed")
    return split_of(fields, {image: values}, False, {} if rows is None else {label: rows})


def held_files(split: Split) -> set[Path]:
    """The files that hold images of this split."""
    return {values.file for values in split.images.values() if isinstance(values, ArrayValues)}
