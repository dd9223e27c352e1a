"""Extractors are stock Keras: they load where the zoo is not installed."""

import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from zoo.features import bag_of_visual_words, handcrafted, pretrained

LOADER = """
    import json, pathlib, sys
    sys.modules["zoo"] = None  # as where the zoo is not installed
    import keras, numpy as np
    found = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
        saved = np.load(path.with_suffix(".npz"))
        vectors = keras.models.load_model(path)(saved["images"]).numpy()
        found[path.stem] = float(np.abs(vectors - saved["vectors"]).max())
    print(json.dumps(found))
"""
NAMES = ("hog", "hog_gray", "color_histogram", "bag_of_visual_words")


def extractors(pictures, digits):
    shape = pictures.shape[1:]
    return {
        "hog": (handcrafted.build_hog(shape), pictures),
        "hog_gray": (handcrafted.build_hog((8, 8, 1)), digits[:4]),
        "color_histogram": (
            handcrafted.build_color_histogram(shape, "pictures"),
            pictures,
        ),
        "bag_of_visual_words": (bag_of_visual_words.fit(digits), digits[:4]),
    }


@pytest.fixture(scope="module")
def differences(tmp_path_factory, pictures, digits):
    folder = tmp_path_factory.mktemp("saved")
    return reload(folder, extractors(pictures, digits))


def reload(folder, made):
    """Saves extractors and lets a bare Keras load them all, once."""
    for name, (extractor, images) in made.items():
        images = images.astype(np.float32)
        vectors = extractor.model.predict_on_batch(images)
        extractor.model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", images=images, vectors=vectors)
    command = [sys.executable, "-c", textwrap.dedent(LOADER), str(folder)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Keras's own saving, with NumPy 2.4.
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
@pytest.mark.parametrize("name", NAMES)
def test_keras_alone_loads_it_and_gives_the_same_vectors(differences, name):
    assert differences[name] < 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50", "vgg16"])
def test_keras_alone_loads_a_network_with_its_preparation(
    tmp_path, digits, name
):
    spec = f"keras:{name}"
    extractor = pretrained.from_applications(spec, (8, 8, 1), weights=None)
    found = reload(tmp_path, {name: (extractor, digits[:2])})
    assert found[name] < 1e-3


def test_nothing_in_an_extractor_is_trained(digits):
    for extractor in (
        handcrafted.build_hog((8, 8, 1)),
        bag_of_visual_words.fit(digits),
    ):
        assert not extractor.model.trainable_weights
        assert isinstance(extractor.model, keras.Model)
