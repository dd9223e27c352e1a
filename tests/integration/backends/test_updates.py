"""Update ratios on JAX, from a step that changes nothing."""

import pytest

from tests.integration.backends import environment

pytestmark = pytest.mark.jax

CODE = """
import keras, numpy as np
from zoo.summaries import inspector

inputs = keras.Input((4,))
outputs = keras.layers.Dense(2)(keras.layers.Dense(3)(inputs))
model = keras.Model(inputs, outputs)
rate = keras.optimizers.schedules.CosineDecay(0.1, 50)
model.compile(keras.optimizers.Adam(rate), "mse")
model.optimizer.build(model.trainable_variables)
updates = inspector.make_update_fn(model)
random = np.random.default_rng(0)
for _ in range(3):
    weights, state = model.trainable_variables, model.optimizer.variables
    gradients = [np.float32(random.normal(size=v.shape)) for v in weights]
    before = [np.array(v) for v in (*weights, *state)]
    found = updates(gradients)
    for variable, old in zip((*weights, *state), before):
        np.testing.assert_array_equal(variable, old)
    model.optimizer.apply(list(map(keras.ops.convert_to_tensor, gradients)))
    for variable, old, change in zip(weights, before, found):
        assert abs(change).min() > 0
        np.testing.assert_allclose(variable - old, change, atol=1e-6)
"""


def test_the_computed_update_is_that_of_the_next_step(python):
    done = environment.call(python, "-c", CODE)
    assert done.returncode == 0, done.stderr
