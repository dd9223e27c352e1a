"""The doctor: what counts as trouble, and which command helps."""

import subprocess
import sys

import pytest

from zoo import backend
from zoo.cli import checks, doctor, engine_checks, setup
from zoo.cli.checks import Finding

REQUIRED = ["keras>=3.15", "absl-py>=2.1", "tensorflow-datasets>=4.9.10"]
INSTALLED = {"keras": "3.15", "absl-py": "2.5.1", "tensorflow-datasets": "5.0"}


def packages(changed):
    """Checks packages of which some are changed, or missing as `None`."""
    installed = {**INSTALLED, **changed}
    return checks.check_packages(REQUIRED, installed.get, "mend it")


def test_packages_that_are_new_enough_are_well():
    assert packages({}) == Finding("3 packages, none missing or too old")


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("keras", "3.9", "keras 3.9 is older than 3.15"),
        ("tensorflow-datasets", "4.9.9", "4.9.9 is older than 4.9.10"),
        ("tensorflow-datasets", "4.9", "4.9 is older than 4.9.10"),
        ("absl-py", None, "absl-py is missing"),
    ],
)
def test_a_missing_or_old_package_is_named(name, version, said):
    found = packages({name: version})
    assert found.trouble
    assert found.text.endswith(said)
    assert found.remedy == "mend it"


@pytest.mark.parametrize("version", ["3.15.1", "3.16.0rc1", "4.0.dev3", "3.15"])
def test_versions_compare_as_numbers(version):
    assert not packages({"keras": version}).trouble


def test_every_dependency_of_the_project_can_be_read():
    required = checks.requirements(setup.ROOT)
    assert "keras>=3.15" in required
    found = checks.check_packages(required, checks.installed_version, "")
    assert not found.trouble


def test_an_environment_for_jax_needs_no_tensorflow():
    required = checks.requirements(setup.ROOT, without_tensorflow=True)
    listed = (setup.ROOT / "requirements-jax.txt").read_text().splitlines()
    assert required == [
        line.partition(" #")[0] for line in listed if not line.startswith("#")
    ]
    assert not [line for line in required if "tensorflow" in line]


def test_an_unknown_engine_is_trouble(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    found = engine_checks.check_choice({"jax": "install it"})
    assert found.trouble
    assert "KERAS_BACKEND=torch" in found.text
    assert found.remedy == "export KERAS_BACKEND=tensorflow"


def test_an_engine_that_is_missing_is_trouble_with_its_command(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(
        backend, "_is_installed", lambda package: package != "jax"
    )
    found = engine_checks.check_choice({"jax": "install it"})
    assert (found.trouble, found.remedy) == (True, "install it")


def test_an_engine_that_is_there_is_no_trouble(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert engine_checks.check_choice({}) is None


@pytest.fixture
def clone(tmp_path):
    """A folder with the two files from which .venv is made."""
    (tmp_path / "requirements.lock").write_text("six==1.17.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


def make_ready(root):
    """Leaves what set-up leaves."""
    python = setup.python_of(root / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    (root / ".venv" / ".zoo-ready").write_text(setup.fingerprint(root))


def test_a_clone_without_an_environment_is_to_be_set_up(clone):
    found = checks.check_venv(clone, False, "make setup")
    assert found == checks.trouble("there is no .venv", "make setup")


def test_no_environment_is_needed_where_the_packages_are_there(clone):
    assert not checks.check_venv(clone, True, "make setup").trouble


def test_a_ready_environment_is_well(clone):
    make_ready(clone)
    assert not checks.check_venv(clone, True, "make setup").trouble


def test_an_environment_older_than_the_lock_is_trouble(clone):
    make_ready(clone)
    (clone / "requirements.lock").write_text("six==1.16.0\n")
    assert checks.check_venv(clone, True, "make setup").remedy == "make setup"


def test_an_installed_package_needs_no_environment(tmp_path):
    assert not checks.check_venv(tmp_path, False, "make setup").trouble


def test_an_engine_that_does_not_import_is_trouble_with_its_reason():
    found = engine_checks.check_engine(None, "it died of signal 4", "reinstall")
    assert found.trouble
    assert "signal 4" in found.text


def test_a_gpu_without_its_libraries_is_a_note_with_a_command():
    found = engine_checks.check_gpu(
        "jax", 0, "/usr/bin/nvidia-smi", "install them"
    )
    assert "JAX cannot use" in found.text
    assert (found.trouble, found.remedy) == (False, "install them")


def test_no_gpu_and_one_in_use_need_nothing():
    check = engine_checks.check_gpu
    assert check("tensorflow", 0, None, "install them").remedy == ""
    assert check("tensorflow", 2, "nvidia-smi", "install them").remedy == ""


@pytest.mark.parametrize(
    ("flags", "said"), [("fpu avx512_bf16", True), ("fpu avx2", False)]
)
def test_a_processor_with_bfloat16_is_praised(tmp_path, flags, said):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags : {flags}\n")
    found = checks.check_processor(cpuinfo)
    assert ("--precision=auto" in found.text) == said


def test_a_writable_folder_is_well_and_stays_as_it_was(tmp_path):
    assert not any(found.trouble for found in checks.check_runs(tmp_path / "r"))
    assert list(tmp_path.iterdir()) == []


def test_runs_that_cannot_be_written_are_trouble(tmp_path):
    (tmp_path / "runs").touch()  # a file, where a folder should be
    (found,) = checks.check_runs(tmp_path / "runs")
    assert found.trouble
    assert "--runs_dir=" in found.remedy


def test_data_sets_on_disk_are_listed(tmp_path):
    for place in ("mnist/3.0.1", "cifar10_1/v6/1.1.0"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "dataset_info.json").touch()
    known = ["mnist", "cifar10", "cifar10_1/v6"]
    found = checks.check_data(tmp_path, known)
    assert found.text.endswith(": mnist, cifar10_1/v6")


def test_no_data_sets_are_no_trouble(tmp_path):
    found = checks.check_data(tmp_path / "gone", ["mnist"])
    assert not found.trouble
    assert "download mnist" in found.remedy


def test_one_trouble_makes_the_exit_status_2_and_shows_its_command(capsys):
    findings = [Finding("fine"), checks.trouble("bad", "mend it")]
    assert doctor.report(iter(findings)) == 2
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["trouble", "bad", "->", "mend", "it"]


def test_notes_leave_the_exit_status_0(capsys):
    assert doctor.report(iter([Finding("fine", "could be finer")])) == 0
    assert "All is well" in capsys.readouterr().out


def test_the_doctor_works_before_anything_is_installed():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "zoo", "doctor", "--here"],
        cwd=setup.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == ""
    assert "trouble" in done.stdout and "->" in done.stdout


def test_the_probe_reports_what_really_imports(tmp_path, monkeypatch):
    for name in ("tensorflow", "keras", "tensorboard"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found, reason = engine_checks.probe_engine()
    assert found is None
    assert reason == "ImportError: broken"


@pytest.mark.slow
def test_the_probe_finds_the_engines_of_this_python():
    found, reason = engine_checks.probe_engine()
    assert reason == ""
    assert set(found) == {"name", "version", "keras", "gpus", "seconds"}
    assert found["name"] == backend.selected()[0]
