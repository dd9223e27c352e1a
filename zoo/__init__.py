"""A zoo of image classifiers for Keras 3, from the lectures to Wide ResNets.

    import zoo

    zoo.list_models("wrn*")
    model = zoo.create_model("lenet5", num_classes=10)
    run = zoo.train(zoo.TrainConfig(model="lenet5", dataset="digits"))
    zoo.evaluate(run)

The names below are imported on first use, so that `import zoo` costs nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "TrainConfig": "zoo.config",
    "UserError": "zoo.errors",
    "create_model": "zoo.models",
    "list_models": "zoo.models",
    "list_weights": "zoo.pretrained",
    "register_model": "zoo.models",
    "load_dataset": "zoo.data",
    "load_model": "zoo.models",
    "load_preprocessing": "zoo.models",
    "train": "zoo.training.train",
    "resume": "zoo.training.resume",
    "load_run": "zoo.run_store",
    "quiet": "zoo.notebook.quiet",
    "inspect": "zoo.notebook.inspecting",
    "evaluate": "zoo.notebook.asking",
    "explain": "zoo.notebook.asking",
    "compare": "zoo.notebook.asking",
    "find_mistakes": "zoo.notebook.asking",
    "predict": "zoo.notebook.using",
    "export": "zoo.notebook.using",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__():
    return [*globals(), *__all__]
