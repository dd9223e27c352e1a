"""A zoo of image classifiers for Keras 3, from the lectures to Wide ResNets.

    import zoo

    zoo.list_models("wrn*")
    model = zoo.create_model("lenet5", num_classes=10)
    run = zoo.train("lenet5", "digits", epochs=5)
    zoo.evaluate(run)

The names below are imported on first use, so that `import zoo` costs nothing;
`__init__.pyi` names them for editors and type checkers.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULES = {
    "zoo.api": (
        "check", "compare", "describe", "diagnose", "evaluate", "export",
        "inspect", "landscape", "list_datasets", "list_runs", "load_run",
        "misclassified", "predict", "report", "resume", "train",
    ),
    "zoo.api_groups": ("reproduce", "sweep", "vary"),
    "zoo.backend": ("quiet",),
    "zoo.config": ("TrainConfig",),
    "zoo.data": ("Dataset", "load_dataset"),
    "zoo.errors": ("UserError",),
    "zoo.explain": ("grad_cam", "show_features", "top_patches"),
    "zoo.models": (
        "create_model", "list_models", "load_model", "load_preprocessing",
        "register_model",
    ),
    "zoo.pretrained": ("list_weights",),
    "zoo.runs": ("Run",),
}  # fmt: skip
_MODULE_OF = {
    name: module for module, names in _MODULES.items() for name in names
}

__all__ = sorted(_MODULE_OF)


def _enable_onednn():
    """Lets TensorFlow compute with oneDNN, unless the environment decides.

    Networks with convolutions train 1.3 to 2 times as fast with it, but by
    itself TensorFlow uses it only on processors with AVX-512 VNNI or AVX-VNNI.
    It reads the variable when it is imported: afterwards nothing is set.
    """
    import os
    import platform
    import sys

    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    if is_x86 and "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_enable_onednn()


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__():
    return [*globals(), *__all__]
