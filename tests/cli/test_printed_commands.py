"""Every command that is printed works when it is typed.

Many different runs; each `next`, `try` and `resume` line is typed as it
stands, in a shell's words. `zoo check` answers 1 where something is not well.
"""

import os
import re
import shlex

import numpy as np
import pytest

import zoo
from tests.integration.backends import environment
from zoo import backend, commands
from zoo.cli.main import main
from zoo.commands import Target

pytestmark = pytest.mark.slow

TINY = "--train_examples=200 --epochs=2 --summaries=scalars"
COMMAND = re.compile(r"(?:KERAS_BACKEND=\w+ )?\S*python\S* -m zoo (.*)")


def commands_in(text):
    """Returns the words of each command in what was printed."""
    found = []
    for line in text.splitlines():
        if line.startswith(("tensorboard", "winner")):
            continue
        match = COMMAND.search(line)
        if match:
            typed = re.split(r"`", match[1])[0]
            found.append(shlex.split(typed))
    return list(map(list, dict.fromkeys(map(tuple, found))))


def typed(words, capfd):
    """Types words; returns the exit code and what was printed."""
    code = main(list(words))
    out, err = capfd.readouterr()
    assert "Traceback" not in err, err
    return code, out + err


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, so that `runs` and relative paths are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.console.shutil.which", lambda name: None)
    random = np.random.default_rng(0)
    from PIL import Image

    for name in ("one", "two"):
        folder = tmp_path / "my pictures" / name
        folder.mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(0, 256, (12, 12), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


RUNS = {
    "a healthy run": f"train --model=lr {TINY}",
    "diverged": f"train --model=lr {TINY} --optimizer=sgd --learning_rate=1e30",
    "a path with a space": "train --model=lr --epochs=2 "
    "'--dataset=folder:my pictures'",
    "another runs folder": f"train --model=lr {TINY} '--runs_dir=my runs'",
    "knn": "train --model=knn --train_examples=200",
    "regression": "train --model=mlp --dataset=sine --epochs=2",
    "members of --seeds": f"train --model=lr {TINY} --seeds=2",
    "members of vary": f"vary --model=lr {TINY} --learning_rate=0.1,0.01",
    "a two-dimensional set": "train --model=mlp --dataset=moons --epochs=2",
    "stopped early": "train --model=lr --train_examples=200 --epochs=40 "
    "--optimizer=adam --learning_rate=0.3 --early_stopping_patience=1",
    "features": f"train --model=lr --features=hog {TINY}",
    "one class for everything": f"train --model=mlp {TINY} --learning_rate=3",
    "nothing learned": f"train --model=mlp {TINY} --learning_rate=1e-9",
    "no validation": f"train --model=lr {TINY} --val_fraction=0",
    "overfitting": "train --model=mlp --train_examples=50 --epochs=30",
    "after few steps": "train --model=cnn_cnf --train_examples=200 --steps=3",
    "a name like a flag": f"train --model=lr {TINY} --run_name=-x",
}


@pytest.mark.parametrize("kind", RUNS)
def test_commands_of_a_run_work_when_typed(kind, here, capfd):
    code, text = typed(shlex.split(RUNS[kind]), capfd)
    assert code in (0, 3)
    found = commands_in(text)
    assert found
    for words in found:
        code, said = typed(words, capfd)
        assert code == 0 or (words[0], code) == ("check", 1), said
        # What explaining says of it must work as well.
    for words in found:
        if words[0] == "evaluate" and "--split=test" not in words:
            diagnose = ["diagnose", *words[1:]]
            diagnose = [w for w in diagnose if not w.startswith("--split")]
            if "/" not in diagnose[1]:
                code, text = typed(diagnose, capfd)
                for words in commands_in(text):
                    assert words in found or typed(words, capfd)[0] in (0, 1)


def test_an_interrupted_run_says_how_to_resume_it(here, capfd, monkeypatch):
    from zoo.training.callbacks import StepCounter

    begin = StepCounter.on_epoch_begin

    def begin_and_stop(self, epoch, logs=None):
        begin(self, epoch, logs)
        self.session.stop.ask()

    monkeypatch.setattr(StepCounter, "on_epoch_begin", begin_and_stop)
    code, text = typed(
        ["train", "--model=lr", *TINY.split(), "--runs_dir=my runs"], capfd
    )
    assert code == 130
    monkeypatch.undo()
    os.chdir(here)
    monkeypatch.setattr("zoo.console.shutil.which", lambda name: None)
    (words,) = commands_in(text)
    assert words[0] == "resume"
    assert typed(words, capfd)[0] == 0


def test_a_trial_of_a_sweep_and_the_sweep_itself(here, capfd):
    words = "sweep --model=lr --train_examples=200 --epochs=1 --trials=2 "
    words += "--retrain_seeds=0 --summaries=scalars --sweep_name=s"
    code, text = typed(words.split(), capfd)
    assert code == 0, text
    for command in commands_in(text):
        assert typed(command, capfd)[0] == 0
    code, text = typed(["diagnose", "s/trial-001"], capfd)
    for command in commands_in(text):
        assert typed(command, capfd)[0] in (0, 1)


def test_another_head_on_the_weights_of_a_run(here, capfd):
    words = f"train --model=mlp {TINY} --run_name=a".split()
    assert typed(words, capfd)[0] == 0
    words = f"train --weights=a --new_head --classes=1,2,3 {TINY}"
    code, text = typed(words.split(), capfd)
    assert code == 0, text
    for command in commands_in(text):
        assert typed(command, capfd)[0] in (0, 1)


def test_no_command_reads_arrays_again(here, capfd):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (90, 8, 8, 1), np.uint8)
    from zoo.data import Dataset

    data = Dataset.from_arrays(images, np.arange(90) % 3)
    run = zoo.train(zoo.TrainConfig(model="lr", epochs=2), data)
    text, _ = capfd.readouterr()
    found = commands_in(text)
    assert {words[0] for words in found} <= {"diagnose", "export", "report"}
    for words in found:
        assert typed(words, capfd)[0] == 0
    code, text = typed(["diagnose", run.name], capfd)
    assert "--like" not in text


def test_commands_of_a_run_on_jax_are_typed_on_jax(here, tmp_path_factory):
    pytest.importorskip("jax")
    python = environment.make(tmp_path_factory.mktemp("jax") / "venv")
    done = environment.call(
        python, "-m", "zoo", "train", "--model=lr", *TINY.split(),
        f"--runs_dir={here / 'runs'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [x for x in done.stdout.splitlines() if "-m zoo" in x]
    assert len([x for x in lines if x.startswith(("next", "  "))]) >= 2
    for line in lines:
        if line.startswith(("next", "  ")):
            assert "KERAS_BACKEND=jax" in line
            words = commands_in(line)[0]
            again = environment.call(python, "-m", "zoo", *words)
            assert again.returncode == 0, again.stderr


def test_the_flags_of_the_table_are_those_of_the_commands(capfd):
    for verb, known in commands.FLAGS.items():
        assert main([verb, "--helpfull"]) == 0
        out, _ = capfd.readouterr()
        shown = set(re.findall(r"--(\w+)", out)) | {"flagfile"}
        assert known <= shown, verb


def test_a_target_quotes_what_a_shell_would_split(monkeypatch):
    monkeypatch.setattr(backend, "default", lambda: "tensorflow")
    target = Target("a run", "my runs", "jax")
    assert shlex.split(target.again(epochs=3)) == [
        "KERAS_BACKEND=jax", "zoo", "train", "--like=a run",
        "--runs_dir=my runs", "--epochs=3",
    ]  # fmt: skip
