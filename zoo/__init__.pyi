# The public names of `zoo`, for editors and type checkers.

from zoo.api import (
    check,
    compare,
    describe,
    diagnose,
    evaluate,
    export,
    inspect,
    landscape,
    list_datasets,
    list_runs,
    load_run,
    misclassified,
    predict,
    report,
    resume,
    train,
)
from zoo.api_groups import (
    reproduce,
    sweep,
    vary,
)
from zoo.backend import quiet
from zoo.config import (
    TrainConfig,
)
from zoo.data.dataset import Dataset
from zoo.data.loading import load_dataset
from zoo.errors import (
    UserError,
)
from zoo.explain import (
    grad_cam,
    show_features,
    top_patches,
)
from zoo.models import (
    create_model,
    list_models,
    load_model,
    load_preprocessing,
    register_model,
)
from zoo.pretrained import (
    list_weights,
)
from zoo.runs import (
    Run,
)

__version__: str

__all__ = [
    "Dataset",
    "Run",
    "TrainConfig",
    "UserError",
    "check",
    "compare",
    "create_model",
    "describe",
    "diagnose",
    "evaluate",
    "export",
    "grad_cam",
    "inspect",
    "landscape",
    "list_datasets",
    "list_models",
    "list_runs",
    "list_weights",
    "load_dataset",
    "load_model",
    "load_preprocessing",
    "load_run",
    "misclassified",
    "predict",
    "quiet",
    "register_model",
    "report",
    "reproduce",
    "resume",
    "show_features",
    "sweep",
    "top_patches",
    "train",
    "vary",
]
