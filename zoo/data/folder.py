"""Images of the user's own, `folder:PATH`.

Sub-folders are the classes, sorted by name, with images at any depth below
them; or the folders of splits are above them. These are recognized in any
case, with `_`, `-`, spaces or a number between or behind the words, by the
names that people and tools give them:

    train       train, training (MNIST as PNG), train_set, training_set
                (cats and dogs), TrainData, train_images (Kaggle), seg_train
                (Intel scenes), train2017 (COCO)
    validation  val, valid (Roboflow), validation (Keras), dev, eval,
                evaluation, and the same with set, data, images, ...
    test        test, testing, heldout, holdout, and the same

There are splits only where one of them is for training. A folder of such a
name inside a folder of the same name, as in some archives, is the same split.

From `MIN_CACHED_FILES` files on, or where the images would take more memory
than `arrays.MAX_IN_MEMORY_BYTES`, a split is cached in
`zoo/folder/<name>-<hash>/<split>` of the folder of datasets. The cache is
rebuilt when a file was added, removed, or has another size or time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.commands import command
from zoo.data import arrays, cache, image_files, parallel_decoding
from zoo.data.dataset import Split
from zoo.data.datasets import check_path
from zoo.data.image_files import ImageSpec, UnreadableImageError
from zoo.data.loading import TEST, TRAIN, VAL, DatasetReader, ReadRequest
from zoo.errors import UserError, join_and, join_or
from zoo.io import check_utf8

MIN_CACHED_FILES = 5_000  # fewer are decoded in a second or two
THUMBNAIL_SIDE = 32  # of the images among which near-duplicates are found
SKIPPED = "skipped"  # in the metadata: indices of files, and reasons

SPLIT_WORDS = {
    TRAIN: {"train", "training", "trainset", "trainingset", "traindata"},
    VAL: {
        "val", "valid", "validation", "dev", "eval", "evaluation", "valset",
        "validset", "validationset", "devset", "valdata",
    },
    TEST: {"test", "testing", "testset", "testdata", "heldout", "holdout"},
}  # fmt: skip
FILLER_WORDS = {
    "set", "data", "dataset", "split", "part", "folder", "dir", "seg",
    "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures",
}  # fmt: skip
# Names of splits that may be names of classes too: valid and invalid.
AMBIGUOUS_WORDS = {"train", "training", "valid", "dev", "eval", "evaluation"}

# An image file and the index of its class.
Files = list[tuple[Path, int]]


def read(request: ReadRequest) -> DatasetReader:
    """Lists the images; they are decoded split by split."""
    root = Path(request.path).expanduser()
    layout = find_layout(root)
    classes = find_classes(layout.roots[TRAIN])
    files, others, notes = {}, [], list(layout.notes)
    for split_name, folder in layout.roots.items():
        files[split_name], rest = _list_files(
            folder, classes, all_classes=split_name == TRAIN
        )
        others += rest
        if missing := missing_classes_note(folder, classes):
            notes.append(missing)
    skipped = image_files.count_suffixes(others)
    if note := image_files.describe_skipped(skipped):
        notes.append(note)
    with_remedy = functools.partial(_with_remedy, root)
    with with_remedy():
        reader = FileReader(f"folder:{root}", root, request, files)
    return DatasetReader(
        tuple(classes),
        {split_name: len(listed) for split_name, listed in files.items()},
        with_remedy()(reader.read),
        reader.spec.original_shape,
        write_cache=with_remedy()(reader.write_cache),
        read_thumbnails=with_remedy()(reader.read_thumbnails),
        notes=lambda: (*notes, *reader.notes()),
        class_depth=len(layout.roots[TRAIN].relative_to(root).parts) + 1,
    )


@contextlib.contextmanager
def _with_remedy(root: Path) -> Iterator[None]:
    """Adds to the error of one unreadable file how to find all of them."""
    try:
        yield
    except UnreadableImageError as error:
        raise UserError(
            f"{error} `{command('inspect', str(root))}` lists all such files, "
            "and --skip_unreadable skips them."
        ) from error


def find_classes(root: Path) -> list[str]:
    """Returns the names of the classes, sorted.

    Raises:
        UserError: there are fewer than two.
    """
    classes = [folder.name for folder in image_files.list_folders(root)]
    for name in classes:
        check_utf8(name, f"a class of folder:{root},")
    if len(classes) < 2:
        found = f"only one class, {classes[0]}" if classes else "no sub-folders"
        raise UserError(
            f"folder:{root} has {found}; put the images of each class in a "
            "sub-folder of its own, at least two."
        )
    return classes


def missing_classes_note(root: Path, classes: list[str]) -> str | None:
    """Returns a note of the training classes that another split lacks."""
    existing = {folder.name for folder in image_files.list_folders(root)}
    missing = [name for name in classes if name not in existing]
    if not missing:
        return None
    shown = missing[:5] + [f"{len(missing) - 5} more"] * (len(missing) > 5)
    noun = "class" if len(missing) == 1 else "classes"
    return f"{root} has no images of the {noun} {join_and(shown)}."


def unknown_class_error(root: Path, name: str, classes: list[str]) -> UserError:
    """Builds the error for a class that the training images lack."""
    return UserError(
        f"folder:{root} has the class {name}, which the training images lack; "
        f"they have {join_and(classes)}."
    )


def _list_files(
    root: Path, classes: list[str], all_classes: bool
) -> tuple[Files, list[Path]]:
    """Returns the images below the class folders, sorted, and other files."""
    files, others = [], []
    for folder in image_files.list_folders(root):
        if folder.name not in classes:
            raise unknown_class_error(root, folder.name, classes)
        images, rest = image_files.find_images(folder)
        others += rest
        if not images and all_classes:
            counts = image_files.count_suffixes(rest)
            skipped = image_files.describe_skipped(counts)
            raise UserError(
                f"folder:{folder} has no images; put some there "
                f"({image_files.describe_suffixes()}), or remove it."
                f"{f' {skipped}' if skipped else ''}"
            )
        files += [(path, classes.index(folder.name)) for path in images]
    if not files:
        raise UserError(f"folder:{root} has no images; put some there.")
    return files, others


@dataclasses.dataclass(frozen=True)
class FolderLayout:
    """The folders of a dataset.

    Attributes:
        roots: Folder of each split that is there; of `train` alone where the
            classes are in the folder itself.
        notes: Sentences about folders that are not used.
    """

    roots: dict[str, Path]
    notes: tuple[str, ...] = ()


def find_layout(root: Path) -> FolderLayout:
    """Finds out which sub-folders are splits.

    Raises:
        UserError: there is no such folder, or its sub-folders are ambiguous.
    """
    check_path(f"folder:{root}")
    children = image_files.list_folders(root)
    named: dict[str, list[Path]] = {TRAIN: [], VAL: [], TEST: []}
    for child in children:
        if split_name := split_of_name(child.name):
            named[split_name].append(child)
    with_classes = {
        split_name: [f for f in folders if image_files.list_folders(f)]
        for split_name, folders in named.items()
    }
    others = [child for child in children if not split_of_name(child.name)]
    has_splits = with_classes[TRAIN] and not _is_class(with_classes, others)
    if has_splits:
        return _layout_of_splits(root, named, with_classes, others)
    _refuse_splits_as_classes(root, named, with_classes, others)
    notes = (*_loose_image_notes(root, root), *_equal_folder_notes(children))
    return FolderLayout({TRAIN: root}, notes)


def split_of_name(name: str) -> str | None:
    """Returns the split that the name of a folder stands for, if any."""
    words = [word for word in _words(name) if word not in FILLER_WORDS]
    if len(words) != 1:
        return None
    return next((s for s in SPLIT_WORDS if words[0] in SPLIT_WORDS[s]), None)


def _words(name: str) -> list[str]:
    """Returns the words of a name: `TrainImages2` has train and images."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", spaced.lower())


def _is_class(with_classes: dict[str, list[Path]], others: list[Path]) -> bool:
    """Whether a folder called train is a class, with folders and images."""
    return (
        any(map(image_files.list_images, with_classes[TRAIN]))
        and any(map(image_files.list_images, others))
        and not (with_classes[VAL] or with_classes[TEST])
    )


def _layout_of_splits(
    root: Path,
    named: dict[str, list[Path]],
    with_classes: dict[str, list[Path]],
    others: list[Path],
) -> FolderLayout:
    roots, notes = {}, []
    for split_name, folders in named.items():
        # Of several names, an empty folder or one of loose images is no split.
        empty = [f for f in folders if not any(f.iterdir())]
        usable = with_classes[split_name] or empty * (split_name != TRAIN)
        if len(usable) > 1:
            names = join_and(child.name for child in usable)
            raise UserError(
                f"folder:{root} has {names}, which both look like the "
                f"{split_name} split; keep one of them there, called "
                f"{split_name}."
            )
        if usable:
            roots[split_name] = _inner_folder(usable[0], split_name)
        others = others + [child for child in folders if child not in usable]
    notes += _loose_image_notes(root, roots[TRAIN])
    for other in sorted(others):
        if split_of_name(other.name) and image_files.list_images(other):
            notes.append(
                f"{other} is not used: its images are not in class folders; "
                "use `zoo predict` for images without a class."
            )
        else:
            used = join_or(child.name for child in roots.values())
            notes.append(
                f"{other} is not used: it is next to {used} and does not have "
                "the name of a split, such as train, val or test."
            )
    return FolderLayout(roots, tuple(notes))


def _inner_folder(folder: Path, split_name: str) -> Path:
    """Returns the folder with the classes: training/training has them."""
    inside = image_files.list_folders(folder)
    if (
        len(inside) == 1
        and split_of_name(inside[0].name) == split_name
        and image_files.list_folders(inside[0])
        and not image_files.list_images(folder)
    ):
        return inside[0]
    return folder


def _loose_image_notes(root: Path, train: Path) -> list[str]:
    """Notes images outside of the folders of classes."""
    notes = []
    for folder in dict.fromkeys((root, train)):
        if loose := image_files.list_images(folder):
            verb = "image is" if len(loose) == 1 else "images are"
            notes.append(
                f"{len(loose):,} {verb} not used, such as {loose[0]}: move "
                "them into the folders of their classes."
            )
    return notes


def _refuse_splits_as_classes(
    root: Path,
    named: dict[str, list[Path]],
    with_classes: dict[str, list[Path]],
    others: list[Path],
) -> None:
    """Refuses folders that would be classes, but look like splits."""
    suspects = [
        child
        for split_name, folders in named.items()
        for child in folders
        if (child in with_classes[split_name] and split_name != TRAIN)
        or not others
        or not AMBIGUOUS_WORDS.intersection(_words(child.name))
    ]
    if not suspects:
        return
    names = join_and(child.name for child in suspects)
    looks = "looks like a split" if len(suspects) == 1 else "look like splits"
    if not others:
        raise UserError(
            f"folder:{root} has no class folders: {names} {looks} of a "
            "dataset; put the images of each class in a sub-folder of its own "
            "inside train."
        )
    raise UserError(
        f"folder:{root} has {names}, which {looks} of a dataset, next to "
        f"{_first_names(others)}, which look like classes; move the classes "
        f"into a folder train, or {names} elsewhere (`zoo predict` takes "
        "images without a class)."
    )


def _first_names(folders: list[Path]) -> str:
    shown = [folder.name for folder in folders[:3]]
    more = len(folders) - len(shown)
    return join_and(shown + [f"{more} more"] * (more > 0))


def _equal_folder_notes(children: list[Path]) -> tuple[str, ...]:
    """Notes classes with the same sub-folders, as splits would have."""
    below = [
        tuple(folder.name for folder in image_files.list_folders(child))
        for child in children
    ]
    if len(children) < 2 or len(set(below)) > 1 or len(below[0]) < 2:
        return ()
    if any(map(image_files.list_images, children)):
        return ()
    return (
        f"{_first_names(children)} are used as the classes, and all have the "
        f"same sub-folders ({join_and(below[0][:3])}, ...); if they "
        "are splits, rename them to train, val and test.",
    )


class FileReader:
    """Reads splits of image files.

    Args:
        name: name of the dataset.
        root: folder that file names are relative to.
        request: the dataset as requested.
        files: files of each split.

    Attributes:
        spec: What all images have in common.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        request: ReadRequest,
        files: dict[str, Files],
    ):
        self._root = root
        self._listed = files
        self._skip_unreadable = request.skip_unreadable
        self._skipped: dict[str, dict[int, str]] = {}
        self._origins: dict[str, str] = {}
        self._image_size = request.image_size
        self._resize = request.resize
        self._name = name
        self._cache_dir = self._find_cache_dir(request)
        metadata = self._cached_metadata(TRAIN)
        self.spec = _spec(metadata) if metadata else self._find_spec()

    def _find_cache_dir(self, request: ReadRequest) -> Path:
        path = self._root.resolve()
        if self._name.startswith("csv:"):
            path = Path(self._name.removeprefix("csv:")).resolve()
        size = f"{self._image_size} {self._resize}"
        key = f"{path} {size} skips={self._skip_unreadable}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        data_dir = cache.resolve_data_dir(request.data_dir)
        return data_dir / "zoo" / "folder" / f"{path.name}-{digest}"

    def _find_spec(self) -> ImageSpec:
        paths = [path for path, _ in self._files(TRAIN)]
        return parallel_decoding.find_spec(
            paths, self._image_size, self._name, self._resize
        )

    def _cached_metadata(self, split_name: str) -> dict[str, Any] | None:
        folder = self._cache_dir / split_name
        if not folder.is_dir():
            return None
        try:
            return cache.load_metadata(folder, self._origin(split_name))
        except cache.CorruptCacheError:
            return None

    def _files(self, split_name: str) -> Files:
        """Returns the files of a split that are read."""
        listed = self._listed[split_name]
        if not self._skip_unreadable:
            return listed
        if split_name not in self._skipped:
            self._skipped[split_name] = self._find_unreadable(split_name)
        skipped = self._skipped[split_name]
        files = [file for i, file in enumerate(listed) if i not in skipped]
        lost = {label for _, label in listed} - {label for _, label in files}
        if lost:
            first = next(path for path, label in listed if label in lost)
            raise UserError(
                f"{self._name} has no readable {split_name} image of the "
                f"class of {first}; replace these files, or remove the class."
            )
        return files

    def _find_unreadable(self, split_name: str) -> dict[int, str]:
        metadata = self._cached_metadata(split_name)
        if metadata:
            return {int(i): why for i, why in metadata[SKIPPED].items()}
        paths = [path for path, _ in self._listed[split_name]]
        name = f"{self._name}, {split_name}"
        return parallel_decoding.find_unreadable(paths, name)

    def notes(self) -> list[str]:
        """Returns sentences about what was skipped or changed so far."""
        notes = []
        unreadable = [
            (self._listed[split_name][i][0], reason)
            for split_name, skipped in self._skipped.items()
            for i, reason in skipped.items()
        ]
        if unreadable:
            path, reason = unreadable[0]
            verb = "file was" if len(unreadable) == 1 else "files were"
            notes.append(
                f"{len(unreadable):,} unreadable {verb} skipped, such as "
                f"{path}: {reason}."
            )
        if count := self.spec.num_distorted:
            height, width, _ = self.spec.shape
            verb = "image has" if count == 1 else "images have"
            what = image_files.describe_resizing(self.spec.resize)
            notes.append(
                f"{count:,} {verb} another aspect ratio than "
                f"{height}x{width} and {what}."
            )
        return notes

    def read(self, split_name: str) -> tuple[Split, list[bytes]]:
        """Returns a split, and a hash of each image before resizing."""
        files = self._files(split_name)
        labels = np.array([label for _, label in files], np.int32)
        paths = [path for path, _ in files]
        read_chunks = functools.partial(
            parallel_decoding.read_chunks, paths, labels, self.spec
        )
        name = f"{self._name}, {split_name}"
        metadata = dataclasses.asdict(self.spec)
        if self._skip_unreadable:
            metadata[SKIPPED] = self._skipped[split_name]
        if self._is_cached(split_name):
            cached = cache.load_or_write(
                self._cache_dir / split_name,
                self._origin(split_name),
                metadata,
                len(files),
                read_chunks,
                name,
            )
        else:
            chunks = cache.show_progress(read_chunks(), len(files), name)
            cached = cache.read_into_memory(chunks, len(files), metadata)
        names = tuple(self._relative(path) for path, _ in files)
        split = dataclasses.replace(cached.split, file_names=names)
        return split, cached.hashes

    def read_thumbnails(self, split_name: str) -> np.ndarray:
        """Returns gray images, uint8 `[N, 32, 32]`, squashed to that."""
        paths = [path for path, _ in self._files(split_name)]
        labels = np.zeros(len(paths), np.int32)
        spec = ImageSpec((THUMBNAIL_SIDE, THUMBNAIL_SIDE, 1), "squash")
        chunks = cache.show_progress(
            parallel_decoding.read_chunks(paths, labels, spec),
            len(paths),
            f"{self._name}, near-duplicates",
        )
        return np.concatenate([images[..., 0] for images, _, _ in chunks])

    def write_cache(self, split_name: str) -> None:
        """Caches a split, if it is large enough."""
        if self._is_cached(split_name):
            self.read(split_name)

    def _is_cached(self, split_name: str) -> bool:
        count = len(self._listed[split_name])
        num_bytes = count * math.prod(self.spec.shape)
        is_large = num_bytes > arrays.MAX_IN_MEMORY_BYTES
        return count >= MIN_CACHED_FILES or is_large

    def _origin(self, split_name: str) -> str:
        """Returns a hash of names, classes, sizes and times of the files."""
        if split_name in self._origins:
            return self._origins[split_name]
        # All splits have the spec of the training images.
        form = self._image_size if split_name == TRAIN else self.spec
        total = hashlib.sha256(f"{form}".encode())
        for path, label in self._listed[split_name]:
            entry = f"\0{self._relative(path)}\0{label}\0{_file_state(path)}"
            total.update(os.fsencode(entry))
        self._origins[split_name] = total.hexdigest()
        return self._origins[split_name]

    def _relative(self, path: Path) -> str:
        if path.is_relative_to(self._root):
            return path.relative_to(self._root).as_posix()
        return path.as_posix()  # a table may name files anywhere


def _file_state(path: Path) -> tuple[int, int, int]:
    """Returns size in bytes and times of a file, -1 for a broken link.

    The second time is that of its last change of any kind, which includes that
    of its name: two files of one size may be exchanged.
    """
    try:
        status = path.stat()
    except OSError:
        return -1, -1, -1
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _spec(metadata: dict[str, Any]) -> ImageSpec:
    """Returns the spec in the metadata of a cached split."""
    original = metadata["original_shape"]
    return ImageSpec(
        tuple(metadata["shape"]),
        metadata["resize"],
        original and tuple(original),
        metadata["num_distorted"],
    )
