"""The doctor: what counts as an error, and which command helps."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from zoo import backend
from zoo.cli import doctor
from zoo.cli.doctor import Finding

REQUIRED = ["keras>=3.15", "absl-py>=2.1", "tensorflow-datasets>=4.9.10"]
INSTALLED = {"keras": "3.15", "absl-py": "2.5.1", "tensorflow-datasets": "5.0"}


def packages(changed):
    """Checks packages of which some are changed, or missing as `None`."""
    installed = {**INSTALLED, **changed}
    return doctor.check_packages(REQUIRED, installed.get, "fix it")


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
    assert found.is_error
    assert found.text.endswith(said)
    assert found.remedy == "fix it"


@pytest.mark.parametrize("version", ["3.15.1", "3.16.0rc1", "4.0.dev3", "3.15"])
def test_versions_compare_as_numbers(version):
    assert not packages({"keras": version}).is_error


def test_every_dependency_of_the_project_can_be_read():
    required = doctor.requirements(doctor.ROOT)
    assert "keras>=3.15" in required
    found = doctor.check_packages(required, doctor.installed_version, "")
    assert not found.is_error


def test_an_environment_for_jax_needs_no_tensorflow():
    required = doctor.requirements(doctor.ROOT, jax_only=True)
    listed = (doctor.ROOT / "requirements-jax.txt").read_text().splitlines()
    assert required == [
        line.partition(" #")[0] for line in listed if not line.startswith("#")
    ]
    assert not [line for line in required if "tensorflow" in line]


def test_an_unknown_backend_is_an_error(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    found = doctor.check_backend_choice({"jax": "install it"})
    assert found.is_error
    assert "KERAS_BACKEND=torch" in found.text
    assert found.remedy == "export KERAS_BACKEND=tensorflow"


def test_a_missing_backend_is_an_error_with_its_command(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(
        backend, "_is_installed", lambda package: package != "jax"
    )
    found = doctor.check_backend_choice({"jax": "install it"})
    assert (found.is_error, found.remedy) == (True, "install it")


@pytest.mark.skipif(os.name == "nt", reason="has no such limits")
def test_too_tight_a_limit_on_memory_is_an_error_and_nothing_is_imported(
    monkeypatch,
):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda what: (10**9, 10**9))
    monkeypatch.setattr(doctor, "probe_backend", None)  # would hang at its end
    (found,) = doctor._check_backend(doctor.ROOT, "", packages_fit=True)
    assert (found.is_error, found.remedy) == (True, "ulimit -v unlimited")


def test_an_installed_backend_is_no_error(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert doctor.check_backend_choice({}) is None


@pytest.mark.parametrize(
    ("files", "packages_fit", "said"),
    [
        ([doctor.LOCK], False, "there is no .venv"),
        ([doctor.LOCK], True, None),
        ([doctor.LOCK, doctor.STAMP], True, None),
        ([doctor.STAMP, doctor.LOCK], True, "older than requirements.lock"),
        ([doctor.LOCK, ".venv/python"], False, "incomplete"),
        ([], False, None),  # an installed package
    ],
)
def test_an_environment_is_compared_with_its_lock(
    tmp_path, files, packages_fit, said
):
    for second, name in enumerate(files):  # from the oldest to the newest
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (second, second))
    found = doctor.check_venv(tmp_path, packages_fit)
    assert found.is_error == (said is not None)
    if found.is_error:
        assert said in found.text and found.remedy == "make setup"


def test_a_backend_that_does_not_import_is_an_error_with_its_reason():
    found = doctor.check_backend_import(
        None, "it was killed by signal 4", "reinstall"
    )
    assert found.is_error
    assert "signal 4" in found.text


def test_a_gpu_without_its_libraries_is_a_note_with_a_command():
    found = doctor.check_gpu("jax", 0, "/usr/bin/nvidia-smi", "install them")
    assert "JAX cannot use" in found.text
    assert (found.is_error, found.remedy) == (False, "install them")


def test_no_gpu_and_one_in_use_need_nothing():
    check = doctor.check_gpu
    assert check("tensorflow", 0, None, "install them").remedy == ""
    assert check("tensorflow", 2, "nvidia-smi", "install them").remedy == ""


@pytest.mark.parametrize(
    ("flags", "said"), [("fpu avx512_bf16", True), ("fpu avx2", False)]
)
def test_bfloat16_of_the_cpu_is_reported(tmp_path, flags, said):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags : {flags}\n")
    found = doctor.check_cpu(cpuinfo)
    assert ("--precision=auto" in found.text) == said


def test_a_writable_folder_is_well_and_stays_as_it_was(tmp_path):
    assert not doctor.check_runs_dir(tmp_path / "r").is_error
    assert list(tmp_path.iterdir()) == []


def test_less_than_a_gibibyte_for_runs_is_an_error(tmp_path, monkeypatch):
    few = SimpleNamespace(free=2**30 - 1)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: few)
    assert doctor.check_runs_dir(tmp_path).is_error


def test_runs_that_cannot_be_written_are_errors(tmp_path):
    (tmp_path / "runs").touch()  # a file, where a folder should be
    found = doctor.check_runs_dir(tmp_path / "runs")
    assert found.is_error
    assert "--runs_dir=" in found.remedy


def test_data_sets_on_disk_are_listed(tmp_path):
    for place in ("mnist/3.0.1", "cifar10_1/v6/1.1.0"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "dataset_info.json").touch()
    known = ["mnist", "cifar10", "cifar10_1/v6"]
    found = doctor.check_datasets(tmp_path, known)
    assert found.text.endswith(": mnist, cifar10_1/v6")


def test_no_data_sets_are_no_error(tmp_path):
    found = doctor.check_datasets(tmp_path / "gone", ["mnist"])
    assert not found.is_error
    assert "download mnist" in found.remedy


def test_one_error_makes_the_exit_status_2_and_shows_its_command(capsys):
    findings = [Finding("fine"), Finding("bad", "fix it", True)]
    assert doctor.report(iter(findings)) == 2
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["error", "bad", "->", "fix", "it"]


def test_notes_leave_the_exit_status_0(capsys):
    assert doctor.report(iter([Finding("fine", "could be finer")])) == 0
    assert "No problems found" in capsys.readouterr().out


def test_the_doctor_works_before_anything_is_installed():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "zoo", "doctor", "--here"],
        cwd=doctor.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == ""
    assert "error" in done.stdout and "->" in done.stdout


def test_the_probe_reports_what_really_imports(tmp_path, monkeypatch):
    for name in ("tensorflow", "keras", "tensorboard"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found, reason = doctor.probe_backend()
    assert found is None
    assert reason == "ImportError: broken"


@pytest.mark.slow
def test_the_probe_finds_the_backend_of_this_python():
    found, reason = doctor.probe_backend()
    assert reason == ""
    assert set(found) == {"name", "version", "keras", "gpus", "seconds"}
    assert found["name"] == backend.selected()[0]
