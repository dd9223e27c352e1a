"""The animation of a run: its frames, its size, and its end after a kill."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.summaries.conftest import broken
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.summaries import animation
from zoo.training.console import TrainingConsole
from zoo.training.resume import resume
from zoo.training.train import train

POINTS = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
RED, BLUE = (200, 30, 30), (30, 30, 200)


def frames_of(content):
    image = Image.open(io.BytesIO(content))
    found = []
    for number in range(image.n_frames):
        image.seek(number)
        found.append(np.asarray(image.convert("RGB")))
    return found


@given(st.integers(0, 3000))
def test_no_training_has_more_frames_than_the_film(looks):
    due = [animation.is_frame(n, looks, n == looks) for n in range(looks + 1)]
    assert sum(due) == min(looks + 1, animation.NUM_FRAMES)
    assert due[0] and due[-1]


def test_frames_are_evenly_spread():
    due = [n for n in range(1000) if animation.is_frame(n, 1000, False)]
    assert set(np.diff(due)) <= {43, 44}


def test_numbers_are_kept_with_their_updates(tmp_path):
    path = tmp_path / "boundary.npy"
    for step in (0, 5, 9):
        frame = np.full((2, 3), step, np.float16)
        steps, values = animation.keep_frame(path, step, frame)
    assert steps.tolist() == [0, 5, 9]
    assert values[:, 1, 2].tolist() == [0, 5, 9]
    assert np.load(path)["step"][:4].tolist() == [0, 5, 9, animation.UNUSED]


def test_a_frame_takes_the_place_of_those_from_its_update_on(tmp_path):
    path = tmp_path / "boundary.npy"
    for step in (0, 5, 9, 12):
        animation.keep_frame(path, step, np.zeros(2, np.float16))
    steps, values = animation.keep_frame(path, 9, np.ones(2, np.float16))
    assert steps.tolist() == [0, 5, 9] and values[:, 0].tolist() == [0, 0, 1]
    steps, _ = animation.keep_frame(path, 15, np.ones(2, np.float16))
    assert steps.tolist() == [0, 5, 9, 15]


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_file_that_holds_something_else_is_made_anew(tmp_path, content):
    path = tmp_path / "boundary.npy"
    if content is None:
        animation.keep_frame(path, 3, np.zeros(7, np.float16))
    else:
        path.write_bytes(content)
    steps, values = animation.keep_frame(path, 5, np.ones(2, np.float16))
    assert steps.tolist() == [5] and values.tolist() == [[1, 1]]


def test_a_film_shows_its_pictures_in_order_and_stands_at_the_last():
    pictures = [np.full((20, 20, 3), c, np.uint8) for c in (RED, BLUE, RED)]
    content = animation.encode_gif(pictures, [RED, BLUE])
    for found, given_ in zip(frames_of(content), pictures, strict=True):
        np.testing.assert_array_equal(found, given_)
    image = Image.open(io.BytesIO(content))
    assert image.info["loop"] == 0
    image.seek(2)
    assert image.info["duration"] == animation.LAST_FRAME_MS


def test_a_film_too_large_loses_shades_or_pictures_but_not_its_ends():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (24, 320, 320, 3), dtype=np.uint8)
    noise[0], noise[-1] = RED, BLUE
    content = animation.encode_gif(list(noise), [RED, BLUE])
    assert len(content) < animation.MAX_BYTES
    frames = frames_of(content)
    assert (frames[0] == RED).all() and (frames[-1] == BLUE).all()


@pytest.fixture
def moment(inspector_of, snapshot):
    """Makes a moment of points of some classes, or of a regression, 0."""

    def make(classes, inspector=None, **given):
        return snapshot(
            inspector=inspector or network(classes),
            inputs=POINTS if classes else POINTS[:, :1],
            labels=np.arange(30) % classes if classes else POINTS[:, 1],
            class_names=tuple("abcdefghijklmn")[:classes],
            **given,
        )

    def network(classes):
        return inspector_of(2 if classes else 1, (8,), classes or 1)

    return make


def run_of_looks(moment, writer, classes, count=30):
    inspector = moment(classes).inspector
    for number in range(count):
        weights = inspector.network.get_layer("hidden1").kernel
        weights.assign(weights * 1.05)
        look = moment(
            classes,
            inspector,
            step=7 * number,
            logging_step=number,
            num_logging_steps=count - 1,
            last=number == count - 1,
        )
        animation.write_animation(writer, look)


@pytest.mark.parametrize("classes", [0, 2, 5])
def test_a_run_leaves_a_small_film_of_24_frames(
    classes, moment, writer, tmp_path
):
    run_of_looks(moment, writer, classes)
    content = (tmp_path / animation.GIF_FILE).read_bytes()
    frames = frames_of(content)
    assert len(frames) == animation.NUM_FRAMES
    assert len(content) < animation.MAX_BYTES
    assert len({frame.shape for frame in frames}) == 1
    assert (frames[0] != frames[-1]).any()


def test_of_too_many_classes_there_is_no_film(moment, writer, tmp_path):
    run_of_looks(moment, writer, animation.MAX_CLASSES + 1, 2)
    assert not (tmp_path / animation.GIF_FILE).exists()


@pytest.mark.parametrize("classes", [0, 2])
def test_weights_that_are_no_numbers_break_nothing(
    classes, moment, writer, tmp_path
):
    look = moment(classes, last=True)
    broken(look.inspector)
    animation.write_animation(writer, look)
    assert len(frames_of((tmp_path / animation.GIF_FILE).read_bytes())) == 1


class Killed(Exception):
    """What ends a run in place of a signal, with no time to save."""


class Killer(TrainingConsole):
    """Kills a run after the pictures of an epoch, before its checkpoint."""

    def __init__(self, epoch):
        super().__init__(io.StringIO())
        self.last_epoch = epoch

    def epoch(self, row, state, plan):
        if row["epoch"] == self.last_epoch:
            raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["moons", "bumps"])
def test_a_run_that_was_killed_comes_to_the_same_film(dataset, tmp_path):
    asked = {
        "model": "mlp",
        "model_arg": {"hidden": 6},
        "dataset": dataset,
        "epochs": 30,
        "runs_dir": str(tmp_path),
    }
    whole = train(TrainConfig(**asked, run_name="whole"), console=Killer(None))
    with pytest.raises(Killed):
        train(TrainConfig(**asked, run_name="killed"), console=Killer(17))
    killed = RunStore(str(tmp_path)).find("killed")
    with pytest.raises(Killed):
        # The last epoch has its film by then.
        resume(killed, console=Killer(30))
    resume(killed, console=Killer(None))
    expected, found = (
        (run.path / animation.GIF_FILE).read_bytes() for run in (whole, killed)
    )
    assert found == expected and len(frames_of(found)) == animation.NUM_FRAMES
