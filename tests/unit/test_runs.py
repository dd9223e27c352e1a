"""Run folders: made whole, found by few letters, held by one process.

`last` is the order of creation that runs keep, whatever their files say.
"""

import copy
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.unit.diagnostics.example_runs import START
from zoo import pretrained, run_files
from zoo.cli.list import run_runs
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.run_store import RunStore, new_id
from zoo.runs import Run, RunGroup, SweepFolder


def make(folder, name, asked_for=True):
    resolved = {**pretrained.find("lr:mnist").resolved, "run_id": new_id()}
    files = {
        "config.json": TrainConfig().to_json(),
        "resolved.json": json.dumps(resolved),
    }
    return RunStore(str(folder)).create(
        name if asked_for else None, name, files
    )


def test_a_default_name_that_is_taken_gets_a_counter(tmp_path):
    names = [make(tmp_path, "a", asked_for=False).name for _ in range(3)]
    assert names == ["a", "a-2", "a-3"]


def test_an_asked_name_that_is_taken_is_refused_and_leaves_nothing(tmp_path):
    make(tmp_path, "a")
    with pytest.raises(UserError, match="already"):
        make(tmp_path, "a")
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_with_a_slash_makes_folders(tmp_path):
    assert make(tmp_path, "sweep/3").path == tmp_path / "sweep" / "3"
    assert [run.name for run in RunStore(str(tmp_path)).runs()] == ["sweep/3"]


def test_a_run_is_found_by_name_prefix_folder_and_last(tmp_path):
    make(tmp_path, "lenet5-digits")
    latest = make(tmp_path, "lr-digits")
    store = RunStore(str(tmp_path))
    assert store.find("lenet5-digits").name == "lenet5-digits"
    assert store.find("len").name == "lenet5-digits"
    assert store.find("last").name == "lr-digits"
    assert store.find(str(latest.path)).path == latest.path


def test_a_name_goes_before_longer_names_that_it_begins(tmp_path):
    make(tmp_path, "a")
    make(tmp_path, "a-2")
    assert RunStore(str(tmp_path)).find("a").name == "a"


def test_a_prefix_of_several_runs_is_refused_with_their_names(tmp_path):
    make(tmp_path, "a-1")
    make(tmp_path, "a-2")
    with pytest.raises(UserError, match="a-1 and a-2"):
        RunStore(str(tmp_path)).find("a-")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 99}'])
def test_a_run_that_cannot_be_understood_is_refused(tmp_path, text):
    run = make(tmp_path, "a")
    (run.path / "resolved.json").write_text(text)
    with pytest.raises(UserError, match="corrupt|format 99"):
        RunStore(str(tmp_path)).find("a")


def test_a_lock_is_seen_by_another_process_and_freed_by_its_death(tmp_path):
    run = make(tmp_path, "a")
    code = (
        "import sys, pathlib, time; from zoo.runs import Run, RunWriter\n"
        f"with RunWriter(Run(pathlib.Path({str(run.path)!r}), 'a')).lock():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    assert run.status == "running"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert run.status == "killed"


def test_a_run_that_cannot_be_locked_for_writing_is_not_running(
    tmp_path, monkeypatch
):
    run = make(tmp_path, "a")

    def refuse(path, timeout=0.0):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr("zoo.io.file_lock", refuse)
    assert run.status == "killed"


def test_the_history_of_a_model_without_steps_is_one_row(tmp_path):
    (tmp_path / "history.csv").write_text(
        "epoch,step,loss,accuracy,val_loss,val_accuracy,seconds\n"
        "0,0,,,0.25,0.9,0.1\n"
    )
    (row,) = Run(tmp_path, "knn").history
    assert row["loss"] is None and row["val_accuracy"] == 0.9


def test_a_full_disk_leaves_no_run_behind(tmp_path, monkeypatch):
    def full(file_number):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="runs_dir.*: No space left on device"):
        make(tmp_path, "a")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_may_not_be_read_is_not_called_empty(
    tmp_path, monkeypatch
):
    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    make(tmp_path, "a")
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        RunStore(str(tmp_path)).runs()


def test_a_run_that_may_not_be_read_is_listed_and_hides_no_other(
    tmp_path, monkeypatch, capsys
):
    make(tmp_path, "mine"), make(tmp_path, "theirs")
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "theirs":
            raise PermissionError(errno.EACCES, "", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    run_runs([f"--runs_dir={tmp_path}"])
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["theirs", "unreadable"] in rows
    assert "mine" in dict(rows)
    with pytest.raises(UserError, match="theirs cannot be read: Permission"):
        RunStore(str(tmp_path)).find("theirs")


def test_a_missing_folder_of_runs_has_no_runs_and_none_unreadable(
    tmp_path, capsys
):
    run_runs([f"--runs_dir={tmp_path / 'runs'}"])
    assert capsys.readouterr().out.startswith("no runs in ")


def test_another_program_s_config_json_hides_no_run(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "config.json").write_text("{}")
    assert "a" in [run.name for run in RunStore(str(tmp_path)).runs()]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("data", "majority"), {"train": 0.1, "val": [[]]}),
        (("data", "class_names"), []),
        (("statistics", "mean"), []),
        (("multiply_adds",), []),
        (("started",), []),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, tuple) else "",
)
def test_a_value_of_another_type_is_corrupt(tmp_path, place, value):
    run = make(tmp_path, "a")
    part = resolved = run.resolved
    *outer, key = place
    for name in outer:
        part = part[name]
    part[key] = value
    (run.path / "resolved.json").write_text(json.dumps(resolved))
    with pytest.raises(UserError, match="resolved.json cannot be read"):
        _ = run.resolved


def test_an_option_that_a_run_did_not_have_yet_has_its_default():
    resolved = copy.deepcopy(pretrained.find("lr:mnist").resolved)
    resolved["config"].pop("label_smoothing", None)
    found = run_files.parse_resolved(json.dumps(resolved))
    assert found["config"]["label_smoothing"] is None


def test_an_option_that_no_version_has_is_corrupt():
    resolved = copy.deepcopy(pretrained.find("lr:mnist").resolved)
    resolved["config"]["learnimg_rate"] = 0.1
    with pytest.raises(ValueError, match="no option learnimg_rate"):
        run_files.parse_resolved(json.dumps(resolved))


def test_a_touched_copied_or_moved_run_keeps_its_place(tmp_path):
    root = str(tmp_path)
    old, _, new = (make(tmp_path, name) for name in ("z-old", "m", "a-new"))
    os.utime(old.path / "config.json", (4e9, 4e9))
    os.utime(old.path / "resolved.json", (4e9, 4e9))
    os.utime(new.path / "config.json", (1, 1))
    assert RunStore(root).find("last").name == "a-new"
    shutil.copytree(old.path, tmp_path / "zz-copy")
    (tmp_path / "m").rename(tmp_path / "zz-moved")
    assert RunStore(root).find("last").name == "a-new"
    names = [run.name for run in RunStore(root).runs()]
    assert names == ["z-old", "zz-copy", "zz-moved", "a-new"]


def test_ids_are_in_the_order_in_which_they_were_made():
    ids = [new_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [i[:20] for i in ids] == sorted(i[:20] for i in ids)


@pytest.mark.parametrize("name", ["ot", "last", ""])
def test_test_images_are_not_opened_to_a_name_that_is_not_whole(tmp_path, name):
    make(tmp_path, "otter")
    with pytest.raises(UserError, match="otter"):
        RunStore(str(tmp_path)).check_full_names([name])


def test_a_whole_name_may_begin_others_and_a_path_is_whole(tmp_path):
    make(tmp_path, "otter")
    make(tmp_path, "otter-2")
    RunStore(str(tmp_path)).check_full_names(["otter"])
    RunStore(str(tmp_path)).check_full_names([str(tmp_path / "otter")])
    RunStore(str(tmp_path)).check_full_names(["lenet5:mnist"])


@pytest.mark.parametrize("name", ["../victim", "s/../../victim", "", "/etc"])
def test_a_name_in_a_sweep_does_not_lead_out_of_it(tmp_path, name):
    folder = SweepFolder(tmp_path / "s", "s")
    with pytest.raises(UserError, match="is not a run of this sweep"):
        folder.run_path(name)
    assert folder.run_path("s/trial-001") == tmp_path / "s" / "trial-001"


def test_a_group_does_not_lead_out_of_the_folder_of_runs(tmp_path):
    group = RunGroup(tmp_path / "g", "g")
    assert group.run("../parent").path == tmp_path / "parent"
    with pytest.raises(UserError, match="leads out"):
        group.run("../../victim")


@pytest.mark.parametrize("part", ["classes", "layers", "batch_norm"])
def test_measurements_of_another_type_are_corrupt(part):
    rows = [{**START, part: {"loss": []}}]
    with pytest.raises(run_files.INVALID):
        run_files.parse_layer_stats(json.dumps(rows))


def test_a_run_is_typed_by_its_name_where_runs_are_by_default(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert make("runs", "a").argument == "a"
    assert make("other runs", "a").argument == "'other runs/a'"


def test_a_config_of_another_version_is_told_from_a_damaged_one(tmp_path):
    run = make(tmp_path, "a")
    path = run.path / "config.json"
    path.write_text('{"learnimg_rate": 0.1}')
    with pytest.raises(UserError, match="config.json cannot be read"):
        _ = run.config
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (run.path / "SHA256SUMS").write_text(f"{digest}  config.json\n")
    with pytest.raises(UserError, match="learnimg_rate"):
        _ = RunStore(str(tmp_path)).find("a").config


def test_a_run_that_has_ended_no_epoch_is_listed_with_none(tmp_path, capsys):
    make(tmp_path, "a")
    run_runs([f"--runs_dir={tmp_path}", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["epochs"], row["best_epoch"]) == (0, None)
