"""The Keras backend, its settings, and the number format it computes in.

Keras takes the backend that `KERAS_BACKEND` names, else the one in its
settings file `keras.json`, else TensorFlow, and imports it together with
itself. So everything here that can go wrong is reported before Keras is
imported.

The settings file also holds `image_data_format`, `floatx` and `epsilon`, and a
program can change these and the dtype policy at any time. They decide what a
builder builds: with `channels_first` the same code is another network. So
whatever builds, trains, loads or evaluates a model runs inside
`fixed_settings()`. Only the backend is the user's choice.

Weights are float32 in any case; arithmetic may be bfloat16. TensorFlow on a
processor has its graph rewritten for that by oneDNN, invisible in the model.
On an accelerator, and under JAX everywhere, it is Keras's mixed policy, for
training alone: the saved model is rebuilt in float32, and is what gets scored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import pathlib
import platform
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zoo.console import format_bytes, show_activity
from zoo.errors import UserError, is_out_of_memory, join_or
from zoo.io import read_error

if TYPE_CHECKING:
    import keras

ENV_VARIABLE = "KERAS_BACKEND"
ONEDNN_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
DEFAULT = "tensorflow"
TITLES = {"tensorflow": "TensorFlow", "jax": "JAX"}

# Keras's own defaults, by their names in `keras.json`.
REQUIRED_SETTINGS = {
    "image_data_format": "channels_last",
    "floatx": "float32",
    "epsilon": 1e-7,
}
# What Keras accepts in that file; with anything else its import fails.
ACCEPTED_SETTINGS = {
    "image_data_format": ("channels_last", "channels_first"),
    "floatx": ("float16", "float32", "float64"),
}
# Keras's limits on epochs and steps are for debugging; a run has its own.
LIMITS = ("max_epochs", "max_steps_per_epoch")
LIMIT_VARIABLES = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")

# Addresses that a process with a backend reserves, most of which never become
# memory. Training a small model on two cores takes 3.1 GB on either backend;
# with less the backend aborts the process, or never ends.
MIN_ADDRESS_BYTES = 3_500_000_000

CPUINFO = pathlib.Path("/proc/cpuinfo")
# Flags of processors with bfloat16 arithmetic: in vectors, or in tiles.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})

_active = threading.local()  # the dtype policy is thread-local, too


def selected() -> tuple[str, str]:
    """Returns the name of the selected backend, and what selected it.

    Returns:
        The name, and `KERAS_BACKEND=jax` or the path of the settings file;
        empty where it is the default.
    """
    if name := os.environ.get(ENV_VARIABLE):
        return name, f"{ENV_VARIABLE}={name}"
    return _from_settings()


def default() -> str:
    """Returns the backend where no environment variable names one."""
    return _from_settings()[0]


def _from_settings() -> tuple[str, str]:
    name = read_settings().get("backend")
    return (name, str(settings_path())) if name else (DEFAULT, "")


def title(name: str) -> str:
    """Returns a backend's name as it is written in a sentence."""
    return TITLES.get(name, name)


def is_jax_only() -> bool:
    """Whether JAX is selected and TensorFlow is not installed."""
    return selected()[0] == "jax" and not _is_installed(DEFAULT)


def check_same(name: str, original: str) -> None:
    """Raises `UserError` if a run would be resumed on another backend.

    Backends round differently and draw other random numbers, so a run that
    changes its backend would not end as it would have otherwise.

    Args:
        name: of a run, or of a folder of runs.
        original: name of the backend that it was started on.
    """
    if original != selected()[0]:
        raise UserError(
            f"{name} was started on {title(original)} and can only be resumed "
            f"there; set {ENV_VARIABLE}={original} and run the command again."
        )


def use_onednn_of(machine: Mapping[str, str]) -> None:
    """Lets TensorFlow use oneDNN if a run did, where it is not yet imported.

    oneDNN rounds differently, and a run that is resumed must not.

    Args:
        machine: what the run has recorded; older runs have no `onednn`.
    """
    if "tensorflow" not in sys.modules and (used := machine.get("onednn")):
        os.environ[ONEDNN_VARIABLE] = "1" if used == "on" else "0"


def check_onednn(name: str, machine: Mapping[str, str]) -> None:
    """Raises `UserError` if a run would be resumed with other roundings.

    Args:
        name: of the run.
        machine: what it has recorded.
    """
    used = machine.get("onednn")
    if used and (used == "on") != has_onednn():
        value = 1 if used == "on" else 0
        raise UserError(
            f"{name} was trained with oneDNN {used}, and TensorFlow was "
            "imported otherwise, which rounds differently; set "
            f"{ONEDNN_VARIABLE}={value} before TensorFlow is imported."
        )


@dataclasses.dataclass(frozen=True)
class BackendProblem:
    """Why Keras could not import its backend.

    Attributes:
        problem: First half of a sentence: what is wrong.
        remedy: Second half of the sentence: what to do.
        package: Name of the missing package; empty if none is missing.
        command: What to type where a command helps and nothing is missing.
    """

    problem: str
    remedy: str
    package: str = ""
    command: str = ""


def find_problem() -> BackendProblem | None:
    """Returns what is wrong with the selected backend; `None` if nothing is."""
    name, source = selected()
    if name not in TITLES:
        choice = join_or(f"{ENV_VARIABLE}={known}" for known in TITLES)
        unsupported = f"unsupported Keras backend {name!r} in {source}"
        if source.startswith(ENV_VARIABLE):
            unsupported = f"{source} is not a supported backend"
        default_again = f"export {ENV_VARIABLE}={DEFAULT}"
        return BackendProblem(unsupported, f"set {choice}", "", default_again)
    if not _is_installed("keras"):
        return BackendProblem(
            "Keras is not installed", "run `zoo doctor` for help", "keras"
        )
    if wrong := invalid_setting():
        key, value, accepted = wrong
        return BackendProblem(
            f"{settings_path()} has {json.dumps(value)} for {key}, with which "
            "Keras cannot be imported",
            f"change it to {accepted}, or remove the file",
        )
    if _is_installed(name):
        return _memory_problem(name)
    if name == "jax":
        return BackendProblem(
            f"{source} selects JAX, which is not installed",
            f"run `pip install jax`, or set {ENV_VARIABLE}={DEFAULT}",
            name,
        )
    jax = "" if _is_installed("jax") else "run `pip install jax` and "
    return BackendProblem(
        "TensorFlow, the default backend of Keras, is not installed",
        f"run `pip install tensorflow`, or {jax}set {ENV_VARIABLE}=jax",
        name,
    )


def _memory_problem(name: str) -> BackendProblem | None:
    """Returns the problem with a limit on memory that no backend can bear."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or limit >= MIN_ADDRESS_BYTES:
        return None
    remedy = "ulimit -v unlimited"
    return BackendProblem(
        f"this process is limited to {format_bytes(limit)} of memory (`ulimit "
        f"-v`), and {title(name)} reserves {format_bytes(MIN_ADDRESS_BYTES)}",
        f"raise the limit, or remove it: `{remedy}`",
        "",
        remedy,
    )


def check() -> None:
    """Raises `UserError` if Keras could not import its backend."""
    if found := find_problem():
        raise UserError(f"{found.problem}; {found.remedy}.")


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@contextlib.contextmanager
def fixed_settings() -> Iterator[None]:
    """Applies `REQUIRED_SETTINGS`, and restores the caller's settings.

    Also a decorator. A nested call changes nothing, so that a policy set
    inside, such as that of mixed precision, stays in force.
    """
    if getattr(_active, "is_fixed", False):
        yield
        return
    import keras

    previous = {
        name: getattr(keras.config, name)()
        for name in (*REQUIRED_SETTINGS, *LIMITS)
    }
    policy = keras.config.dtype_policy()
    _active.is_fixed = True
    try:
        _set({**REQUIRED_SETTINGS, **dict.fromkeys(LIMITS)})
        keras.config.set_dtype_policy(REQUIRED_SETTINGS["floatx"])
        yield
    finally:
        _active.is_fixed = False
        _set(previous)
        keras.config.set_dtype_policy(policy)


def _set(values: dict[str, Any]) -> None:
    import keras

    for name, value in values.items():
        getattr(keras.config, f"set_{name}")(value)


def settings_path() -> pathlib.Path:
    """Returns the path of Keras's settings file, which need not exist."""
    home = os.environ.get("KERAS_HOME", "~/.keras")
    return pathlib.Path(home).expanduser() / "keras.json"


def read_settings() -> dict[str, Any]:
    """Returns the contents of the settings file; empty if unreadable."""
    try:
        settings = json.loads(settings_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # Keras does not read it either
    return settings if isinstance(settings, dict) else {}


def overridden_settings() -> dict[str, tuple[Any, Any]]:
    """Returns the settings in the file that `fixed_settings` overrides.

    Returns:
        Value in the file and value in force, by name.
    """
    settings = read_settings()
    return {
        name: (settings[name], value)
        for name, value in REQUIRED_SETTINGS.items()
        if settings.get(name, value) != value
    }


def invalid_setting() -> tuple[str, Any, str] | None:
    """Returns the first setting with which Keras cannot be imported.

    Returns:
        Its name, its value, and a description of the accepted values; `None`
        if all are valid.
    """
    settings = read_settings()
    for name, accepted in ACCEPTED_SETTINGS.items():
        if name in settings and settings[name] not in accepted:
            return name, settings[name], " or ".join(accepted)
    if not isinstance(settings.get("epsilon", 1e-7), float):
        return "epsilon", settings["epsilon"], "a number such as 1e-07"
    return None


def cpu_has_bfloat16(cpuinfo: pathlib.Path = CPUINFO) -> bool:
    """Whether the processor computes in bfloat16; false where unknown.

    Args:
        cpuinfo: Linux's table of processor flags.
    """
    return cpuinfo.is_file() and not BFLOAT16_FLAGS.isdisjoint(
        cpuinfo.read_text(encoding="utf-8").split()
    )


def cpu_model(cpuinfo: pathlib.Path = CPUINFO) -> str:
    """Returns the name of the processor, from Linux's table where it is."""
    if cpuinfo.is_file():
        text = cpuinfo.read_text(encoding="utf-8")
        if found := re.search(r"^model name\s*: (.*)$", text, re.M):
            return found[1].strip()
    return platform.processor() or platform.machine()


def quiet() -> None:
    """Imports Keras and TensorFlow without their start-up messages.

    A notebook would show them in red. They come from C++ code, which writes
    to file descriptor 2: it leads nowhere meanwhile. Hints that TensorFlow
    logs later are silenced too; errors are not.
    """
    import logging
    import sys

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            import keras  # noqa: F401

            with contextlib.suppress(ModuleNotFoundError):
                import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@fixed_settings()
def read_model(path: pathlib.Path) -> keras.Model:
    """Returns the Keras model in a file.

    Raises:
        UserError: the file cannot be read as a model.
    """
    import keras

    try:
        path.open("rb").close()
    except OSError as error:
        raise read_error(path, error) from error
    show_activity(f"loading {path}")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # What a corrupt file raises in zipfile, h5py and Keras has no end.
        raise UserError(f"{path} cannot be read as a model.") from error


def has_accelerator() -> bool:
    """Whether the backend would compute on something faster than a CPU."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    import jax

    return jax.default_backend() != "cpu"


def resolve_precision(asked: str) -> str:
    """Returns `float32` or `bfloat16` for the value of `--precision`.

    Raises:
        UserError: bfloat16 is asked for where nothing would compute in it.
    """
    if asked == "auto":
        pays = has_accelerator() or (has_onednn() and cpu_has_bfloat16())
        return "bfloat16" if pays else "float32"
    if asked == "bfloat16" and not (is_mixed_precision(asked) or has_onednn()):
        raise UserError(
            "--precision=bfloat16 would change nothing here: on a processor "
            "TensorFlow needs oneDNN for it, which TF_ENABLE_ONEDNN_OPTS=0 "
            "switches off; leave one of them out."
        )
    return asked


def has_onednn() -> bool:
    """Whether TensorFlow computes with oneDNN, which its import has decided."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    # No public function tells.
    from tensorflow.python.util import _pywrap_util_port

    return _pywrap_util_port.IsMklEnabled()


def describe_precision(resolved: dict) -> str:
    """Returns the number format of a run, and who sees to it."""
    if resolved["precision"] == "float32":
        return "float32"
    machine = resolved["machine"]
    if machine["device"] != "cpu" or machine["backend"] != "tensorflow":
        return "bfloat16 with weights in float32"
    if cpu_has_bfloat16():
        return "bfloat16 by oneDNN"
    return "bfloat16, which these processors only imitate"


def is_mixed_precision(precision: str) -> bool:
    """Whether layers have Keras's mixed policy while they are trained."""
    import keras

    rewritten = keras.backend.backend() == "tensorflow"
    return precision == "bfloat16" and (has_accelerator() or not rewritten)


@contextlib.contextmanager
def precision_policy(precision: str) -> Iterator[None]:
    """Builds the layers of a block so that they compute in this format."""
    import keras

    if is_mixed_precision(precision):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)
    else:
        yield


@contextlib.contextmanager
def onednn_bfloat16(precision: str) -> Iterator[None]:
    """Lets oneDNN compute in bfloat16 what TensorFlow traces meanwhile."""
    if precision != "bfloat16" or is_mixed_precision(precision):
        yield
        return
    import tensorflow as tf

    option = "auto_mixed_precision_onednn_bfloat16"
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: False})
