"""What `zoo doctor` looks at in the engine, TensorFlow or JAX, and in GPUs.

Standard library only, as in `checks`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from zoo import backend
from zoo.cli.checks import Finding, in_words, trouble

# Run by a Python of its own: a broken engine kills the process that imports
# it, and a sound one takes seconds.
PROBE = """
import json, time
start = time.perf_counter()
import keras, tensorboard.program
name = keras.backend.backend()
if name == "tensorflow":
    import tensorflow as engine
    gpus = len(engine.config.list_physical_devices("GPU"))
else:
    import jax as engine
    gpus = sum(device.platform != "cpu" for device in engine.local_devices())
print(json.dumps({
    "name": name,
    "version": engine.__version__,
    "keras": keras.__version__,
    "gpus": gpus,
    "seconds": time.perf_counter() - start,
}))
"""


def probe_engine() -> tuple[dict | None, str]:
    """Imports Keras and its engine in a process of its own.

    Returns:
        What `PROBE` prints, or `None` and the reason why it does not.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        return None, "it took more than 300 seconds"
    if done.returncode < 0:
        return None, f"it died of signal {-done.returncode}"
    if done.returncode:
        return None, (done.stderr.strip() or "no reason given").splitlines()[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


def check_engine(found: dict | None, reason: str, remedy: str) -> Finding:
    """Says whether Keras, its engine and TensorBoard really import."""
    if found is None:
        name, place = backend.selected()
        reason += f" (with {place})" if place else ""
        return trouble(f"importing {backend.title(name)}: {reason}", remedy)
    name = backend.title(found["name"])
    return Finding(
        f"{name} {found['version']} and Keras {found['keras']} import in "
        f"{found['seconds']:.0f} s, and TensorBoard too"
    )


def check_choice(remedies: dict[str, str]) -> Finding | None:
    """Says what is wrong with the engine that was chosen, if anything is.

    Args:
        remedies: the command that installs an engine, by its name.
    """
    found = backend.find_problem()
    if found is None or found.package == "keras":
        return None
    default = f"export {backend.ENV_VARIABLE}={backend.DEFAULT}"
    return trouble(
        f"{found.problem}; {found.remedy}", remedies.get(found.package, default)
    )


def check_settings() -> Iterator[Finding]:
    """Names each setting of Keras that the zoo overrides, one a line."""
    place = in_words(backend.settings_path())
    for name, (given, used) in backend.overridden_settings().items():
        yield Finding(
            f"{place} has {name} {json.dumps(given)}; the zoo uses "
            f"{json.dumps(used)}"
        )
    for name in backend.LIMIT_VARIABLES:
        if given := os.environ.get(name):
            yield Finding(f"{name}={given} is set; the zoo does not use it")


def check_gpu(name: str, gpus: int, driver: str | None, remedy: str) -> Finding:
    """Compares the GPUs that the engine sees with those that there may be.

    Args:
        name: of the engine.
        gpus: how many it sees.
        driver: where NVIDIA's `nvidia-smi` is; `None` where it is not.
        remedy: the command that gives it its CUDA libraries.
    """
    title = backend.title(name)
    if gpus:
        return Finding(f"{title} sees {gpus} GPU{'s' * (gpus > 1)}")
    if driver:
        return Finding(f"there is a GPU that {title} cannot use", remedy)
    return Finding("no GPU; the models train on the processor")
