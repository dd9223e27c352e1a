"""Models from files, from installed packages, and of keras-tuner."""

import importlib.metadata
import json

import keras
import pytest

import zoo
from zoo.cli.main import main
from zoo.errors import UserError
from zoo.models import MODELS, builder_options, plugins
from zoo.resolve import resolve, resolve_names
from zoo.training.console import TrainingConsole
from zoo.training.model import backbone_of
from zoo.training.setup import prepare
from zoo.training.train import train
from zoo.tuning import sweep_config
from zoo.tuning.space import HyperParameter, hyperparameter_text

FILE = """
from keras import Input, Sequential, layers

def build(input_shape, num_classes, width=8):
    return Sequential([
        Input(input_shape), layers.Rescaling(1 / 255), layers.Flatten(),
        layers.Dense(width, activation="relu"),
        layers.Dense(num_classes, activation="softmax"),
    ])
"""
HYPERMODEL = """
import keras
from keras import layers

def build(hp):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for i in range(hp.Int("num_layers", 1, 2)):
        model.add(layers.Dense(hp.Int(f"units_{i}", 8, 16, step=8)))
    model.add(layers.Dense(10))
    model.compile(
        keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-2, sampling="log")),
        "sparse_categorical_crossentropy",
    )
    return model
"""
GUIDE = """
import keras
from keras import layers

def build(hp):
    activation = hp.Choice("activation", ["relu", "swish"])
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(8, activation=activation))
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(0.25))
    model.add(layers.Dense(10))
    return model
"""
QUICK = ["--steps=2", "--summaries=none"]


def texts_of(builder):
    """The search space that a sweep makes of `build(hp)`."""
    texts = map(hyperparameter_text, builder.hyperparameters)
    return tuple(filter(None, texts))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(FILE)
    (tmp_path / "hyper.py").write_text(HYPERMODEL)
    (tmp_path / "guide.py").write_text(GUIDE)
    return tmp_path


def test_a_model_of_a_file_is_trained_and_evaluated(capsys):
    words = ["train", "--model=net.py:build", "--model_arg=width=4", *QUICK]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["evaluate", "net-digits-width4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["examples"] == 144
    run = zoo.load_run("last")
    assert run.metrics["parameters"] == 64 * 4 + 4 + 4 * 10 + 10
    assert run.config.model == "net.py:build"


def test_a_path_from_the_root_is_a_model_too(folder):
    path = folder / "net.py"
    assert main(["train", f"--model={path}:build", *QUICK]) == 0


def test_a_run_does_not_continue_with_a_changed_file(folder, capsys):
    config = zoo.TrainConfig(
        model="net.py:build", epochs=2, summaries=("none",)
    )
    train(config, console=TrainingConsole(quiet=True), until_epoch=1)
    (folder / "net.py").write_text(FILE.replace("softmax", "linear"))
    assert main(["resume", "last"]) == 2
    assert "was changed since" in capsys.readouterr().err
    (folder / "net.py").write_text(FILE)
    assert main(["resume", "last"]) == 0


def test_a_group_does_not_grow_with_a_changed_file(folder, capsys):
    words = ["train", "--model=net.py:build", *QUICK, "--run_name=g"]
    assert main([*words, "--seeds=2"]) == 0
    (folder / "net.py").write_text(FILE.replace("softmax", "linear"))
    capsys.readouterr()
    assert main([*words, "--seeds=3"]) == 2
    assert "was changed since g was started" in capsys.readouterr().err
    (folder / "net.py").write_text(FILE)
    assert main([*words, "--seeds=3"]) == 0


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("nett.py:build", "", "did you mean net.py"),
        ("net.py:bild", FILE, "did you mean build"),
        ("net.py", FILE, "write --model=net.py:build"),
        ("other.py:build", "def build(:\n", "line 1, fails with SyntaxError"),
        ("other.py:build", "\n1 / 0\n", "line 2, fails with ZeroDivision"),
        ("other.py:build", "build = 3\n", "no function build"),
        (
            "other.py:build",
            FILE.replace("Dense(width", "Dense(-width"),
            "line 7, fails with ValueError",
        ),
    ],
)
def test_a_file_that_gives_no_model_is_explained(
    folder, capsys, name, content, sentence
):
    if content:
        (folder / name.partition(":")[0]).write_text(content)
    assert main(["train", f"--model={name}"]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (folder / "runs").exists()


def test_models_of_installed_packages_are_listed_and_found(monkeypatch):
    point = importlib.metadata.EntryPoint(
        "their_net", "zoo.models.mlp:build", plugins.GROUP
    )
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [point]
    )
    plugins.installed.cache_clear()
    try:
        assert "their_net" in zoo.list_models()
        assert MODELS.find("their_net").description == "of the package zoo"
    finally:
        plugins.installed.cache_clear()


def test_a_hypermodel_has_its_hyperparameters_as_arguments():
    entry = MODELS.find("hyper.py:build")
    expected = {"num_layers": 1, "units_0": 8, "rate": 1e-4, "units_1": 8}
    assert builder_options(entry) == expected
    assert set(texts_of(entry.load())) == {
        "model_arg.num_layers=1,2",
        "model_arg.units_0=8,16",
        "model_arg.units_1=8,16",
        "model_arg.rate=log:0.0001:0.01",
    }


def test_hyperparameters_called_like_options_are_arguments():
    space = texts_of(MODELS.find("guide.py:build").load())
    assert space == (
        "model_arg.activation=relu,swish",
        "model_arg.dropout=False,True",
    )
    chosen = {"activation": "swish", "dropout": True}
    config = zoo.TrainConfig(model="guide.py:build", model_arg=chosen)
    body = backbone_of(prepare(config).model)
    assert any(type(x).__name__ == "Dropout" for x in body.layers)
    assert body.get_layer("features").activation is keras.activations.silu


@pytest.mark.slow
def test_a_hypermodel_of_the_guide_is_searched(folder, capsys):
    (folder / "guide.py").write_text(GUIDE)
    words = [
        "sweep", "--hypermodel=guide.py:build", "--trials=2",
        "--retrain_seeds=0", "--sweep_name=s", *QUICK,
    ]  # fmt: skip
    assert main(words) == 0, capsys.readouterr().err
    runs = [run for run in zoo.list_runs() if run.name.startswith("s/")]
    assert all(
        run.config.model_arg.keys() == {"activation", "dropout"} for run in runs
    )
    assert len(runs) == 2


@pytest.mark.slow
def test_a_hypermodel_is_searched(folder, capsys):
    words = [
        "sweep", "--hypermodel=hyper.py:build", "--trials=2",
        "--retrain_seeds=0", "--sweep_name=s", *QUICK,
    ]  # fmt: skip
    assert main(words) == 0, capsys.readouterr().err
    runs = [run for run in zoo.list_runs() if run.name.startswith("s/")]
    assert len(runs) == 2
    for run in runs:
        rate = run.config.model_arg["rate"]
        assert run.resolved["config"]["learning_rate"] == pytest.approx(rate)
        assert run.config.model_arg["num_layers"] in (1, 2)


def space_of(*lines):
    """Returns the search space of a hypermodel of these lines."""
    body = "".join(f"    {line}\n" for line in lines)
    names = {}
    exec(f"def build(hp):\n{body}    return None\n", names)
    return texts_of(plugins.HyperModelBuilder(names["build"]))


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("hp.Choice('a', ['False', 'True'])", ("False", "True")),
        ("hp.Choice('a', ['3', '1e-3', 'None'])", ("3", "1e-3", "None")),
        ("hp.Choice('a', ['1:2', '2:3'])", ("1:2", "2:3")),
        ("hp.Choice('a', ['x,y', 'z'])", ("x,y", "z")),
        ("hp.Choice('a', [0.5, 2.0])", (0.5, 2.0)),
        ("hp.Int('a', 8, 20, step=8)", (8, 16)),
        ("hp.Int('a', 3, 303, step=3)", tuple(range(3, 304, 3))),
        ("hp.Int('a', 2, 40, step=2, sampling='log')", (2, 4, 8, 16, 32)),
        ("hp.Float('a', 0.0, 0.7, step=0.3)", (0.0, 0.3, 0.6)),
    ],
)
def test_a_hyperparameter_is_searched_over_its_own_values(line, values):
    (text,) = space_of(line)
    found = HyperParameter.parse(text).values
    assert list(map(repr, found)) == list(map(repr, values))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("hp.Int('a', 10, 5000)", "model_arg.a=10:5000"),
        ("hp.Int('a', 3, 99, sampling='log')", "model_arg.a=log:3:99"),
        ("hp.Float('a', 0, 1)", "model_arg.a=0.0:1.0"),
    ],
)
def test_a_range_without_steps_has_both_its_ends(line, text):
    assert space_of(line) == (text,)


@pytest.mark.parametrize(
    "line",
    [
        "hp.Choice('a', ['x'])",
        "hp.Int('a', 3, 3)",
        "hp.Int('a', 3, 5, step=4)",
        "hp.Float('a', 0.5, 0.5)",
        "hp.Fixed('a', 3)",
    ],
)
def test_a_hyperparameter_of_one_value_is_not_searched(line):
    assert space_of(line) == ()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            ["hp.Float('a', 0.1, 1.0, sampling='reverse_log')"],
            "'a' is sampled by reverse_log",
        ),
        (["hp.Int('a', 0, 9000, step=3)"], "'a' cannot be written"),
        (
            [
                "kind = hp.Choice('kind', ['small', 'large'])",
                "with hp.conditional_scope('kind', ['small']):",
                "    hp.Int('units', 1, 8)",
                "with hp.conditional_scope('kind', ['large']):",
                "    hp.Int('units', 100, 800)",
            ],
            "'units' twice, with different values",
        ),
        (
            [
                "kind = hp.Choice('kind', ['small', 'large'])",
                "hp.Int('units', 1, 8 if kind == 'small' else 16)",
            ],
            "'units' twice, with different values",
        ),
        (
            ["for i in range(300): hp.Boolean(f'a{i}')"],
            "has more choices than 200 builds",
        ),
    ],
)
def test_hyperparameters_that_cannot_be_searched_are_refused(lines, sentence):
    with pytest.raises(UserError, match=sentence):
        space_of(*lines)


def test_no_hyperparameter_of_a_hypermodel_is_left_out_silently(monkeypatch):
    config = resolve_names(zoo.TrainConfig(model="guide.py:build"))
    dataset = zoo.load_dataset("digits")
    resolved = resolve(config, dataset)
    monkeypatch.setattr(sweep_config, "_is_valid", lambda *given: False)
    space = sweep_config._default_space(config, resolved, dataset)
    names = [hp.name for hp in space.hyperparameters]
    assert names == ["model_arg.activation", "model_arg.dropout"]
