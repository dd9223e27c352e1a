"""A network of keras-hub, where that is installed; nothing is downloaded."""

import re
from pathlib import Path

import keras
import pytest

import zoo

PAGE = Path(__file__).parents[3] / "docs/how-to/own-model-and-data.md"


@pytest.mark.slow
def test_the_builder_of_the_page_trains_and_loads_without_the_library(
    tmp_path, monkeypatch
):
    keras_hub = pytest.importorskip("keras_hub")

    def random_weights(name, image_shape):
        return keras_hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[3],
            stackwise_num_filters=[64],
            stackwise_num_blocks=[1],
            stackwise_num_strides=[1],
            block_type="basic_block",
            image_shape=image_shape,
        )

    monkeypatch.setattr(
        keras_hub.models.Backbone, "from_preset", random_weights
    )
    (code,) = re.findall(
        r"```python\n(# net\.py.*?)```", PAGE.read_text(), re.S
    )
    (tmp_path / "net.py").write_text(code)
    run = zoo.train(
        f"{tmp_path / 'net.py'}:build",
        "digits",
        steps=2,
        batch_size=8,
        summaries=("none",),
        runs_dir=str(tmp_path),
        verbose=False,
    )
    network = keras.models.load_model(run.model_path()).get_layer("network")
    modules = {type(layer).__module__ for layer in network.layers}
    assert all(name.startswith("keras.src.") for name in modules)
