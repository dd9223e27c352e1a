"""A thousand damaged files of each format: read, or named in a sentence."""

import io
import json
import random

import numpy as np
import pytest
from PIL import Image

from zoo.cli.main import main
from zoo.data import image_files, load_dataset
from zoo.errors import UserError

pytestmark = pytest.mark.slow

NUM_FILES = 1000
FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM")


def originals(format):
    """Returns files of several kinds, as bytes."""
    numbers = np.random.default_rng(0)
    gray, rgb, other = (
        Image.fromarray(numbers.integers(0, 256, shape, np.uint8))
        for shape in ((16, 16), (16, 16, 3), (16, 16, 3))
    )
    exif = Image.Exif()
    exif[image_files.ORIENTATION] = 6
    kinds = [(gray, {}), (rgb, {})]
    if format not in ("GIF", "BMP", "PPM"):
        kinds.append((rgb, {"exif": exif}))
    if format in ("GIF", "TIFF", "WEBP"):
        kinds.append((rgb, {"save_all": True, "append_images": [other]}))
    if format == "TIFF":
        kinds.append((rgb, {"compression": "tiff_lzw"}))
        kinds.append((gray.convert("I;16"), {}))
    if format == "PNG":
        kinds += [(rgb.convert("P"), {}), (rgb.convert("RGBA"), {})]
    files = []
    for image, options in kinds:
        file = io.BytesIO()
        image.save(file, format, **options)
        files.append(file.getvalue())
    return files


def damaged(content, rng):
    """Returns the bytes cut, with flipped bits, overwritten or longer."""
    content = bytearray(content)
    kind = rng.choice(["cut", "flip", "overwrite", "insert", "head"])
    start = rng.randrange(len(content))
    if kind == "cut":
        del content[start:]
    elif kind == "flip":
        for _ in range(rng.randint(1, 8)):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "overwrite":
        length = min(rng.randint(1, 16), len(content) - start)
        content[start : start + length] = rng.randbytes(length)
    elif kind == "insert":
        content[start:start] = rng.randbytes(rng.randint(1, 16))
    else:  # most of what a reader trusts stands there
        content[start % 64] = rng.randrange(256)
    return bytes(content)


def pillow_can_decode(path):
    try:
        with Image.open(path) as image:
            image.load()
            image.convert("RGB")
    except Exception:
        return False
    return True


@pytest.fixture
def folder(request, tmp_path):
    """A folder of damaged files of two classes, with some whole ones."""
    rng, files = random.Random(request.param), originals(request.param)
    for label in ("cat", "dog"):
        (tmp_path / "pics" / label).mkdir(parents=True)
    for i in range(NUM_FILES + 40):
        content = files[i % len(files)]
        if i < NUM_FILES:
            content = damaged(content, rng)
        name = f"{'cat' if i % 2 else 'dog'}/{i:04}.{request.param.lower()}"
        (tmp_path / "pics" / name).write_bytes(content)
    return tmp_path / "pics"


@pytest.mark.parametrize("folder", FORMATS, indirect=True)
def test_a_damaged_image_is_read_or_named(folder, capfd):
    unreadable, refused_by_pillow = set(), set()
    with image_files.refuse_decompression_bombs():
        for path in sorted(folder.rglob("*.*")):
            if not pillow_can_decode(path):
                refused_by_pillow.add(str(path))
            try:
                pixels = image_files.decode(path, 3)
                assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
                image_files.read_header(path)
            except image_files.UnreadableImageError as error:
                unreadable.add(str(path))
                assert str(path) in str(error) and error.reason
                assert "\n" not in str(error)
    assert len(refused_by_pillow) > NUM_FILES // 10
    assert refused_by_pillow <= unreadable
    where = f"--runs_dir={folder.parent / 'runs'}"
    flags = ["--skip_unreadable", "--image_size=16", "--model=lr", "--steps=2"]
    flags += ["--summaries=none", f"--dataset=folder:{folder}", where]
    capfd.readouterr()
    assert main(["train", *flags]) == 0
    answer = capfd.readouterr()
    assert "Traceback" not in answer.out + answer.err
    assert f" {len(unreadable):,} unreadable files were skipped" in answer.out
    sheet = f"--out={folder.parent / 'sheet.png'}"
    assert main(["inspect", str(folder), "--json", sheet]) == 0
    answer = capfd.readouterr()
    assert "Traceback" not in answer.err
    findings = json.loads(answer.out)["findings"]
    named = "\n".join(line for f in findings for line in f["images"])
    missing = [
        path
        for path in unreadable
        if path.removeprefix(f"{folder}/") not in named
    ]
    assert not missing


def test_a_damaged_archive_is_read_or_named(tmp_path):
    rng, numbers = random.Random(0), np.random.default_rng(0)
    x = numbers.integers(0, 256, (40, 8, 8), np.uint8)
    files = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        names = np.array(["cat", "dog"])
        save(file, x=x, y=np.arange(40) % 2, class_names=names)
        files.append(file.getvalue())
    path, refused = tmp_path / "data.npz", 0
    for i in range(NUM_FILES):
        path.write_bytes(damaged(files[i % 2], rng))
        try:
            data = load_dataset(f"npz:{path}")
            assert len(data.train) + len(data.val) < 41
        except UserError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > NUM_FILES // 4
