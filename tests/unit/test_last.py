"""`last` is the order of creation that runs keep, whatever their files say."""

import json
import os
import shutil

import pytest

from zoo import pretrained
from zoo.errors import UserError
from zoo.run_store import RunStore, new_id
from zoo.runs import RunGroup, SweepFolder


def make(folder, name):
    files = {
        "config.json": "{}",
        "resolved.json": json.dumps(
            {**pretrained.find("lr:mnist").resolved, "run_id": new_id()}
        ),
    }
    return RunStore(str(folder)).create(name, name, files)


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
