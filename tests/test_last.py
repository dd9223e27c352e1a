"""`last` is the order of creation that runs keep, whatever their files say."""

import os
import shutil

import pytest

from zoo import run_groups, runs
from zoo.errors import UserError
from zoo.sweeps import Folder


def make(folder, name):
    files = {
        "config.json": "{}",
        "resolved.json": f'{{"format": 1, "run_id": "{runs.new_id()}"}}',
    }
    return runs.create(str(folder), name, name, files)


def test_a_touched_copied_or_moved_run_keeps_its_place(tmp_path):
    root = str(tmp_path)
    old, _, new = (make(tmp_path, name) for name in ("z-old", "m", "a-new"))
    os.utime(old.path / "config.json", (4e9, 4e9))
    os.utime(old.path / "resolved.json", (4e9, 4e9))
    os.utime(new.path / "config.json", (1, 1))
    assert runs.find("last", root).name == "a-new"
    shutil.copytree(old.path, tmp_path / "zz-copy")
    (tmp_path / "m").rename(tmp_path / "zz-moved")
    assert runs.find("last", root).name == "a-new"
    names = [run.name for run in runs.list_runs(root)]
    assert names == ["z-old", "zz-copy", "zz-moved", "a-new"]


def test_ids_are_in_the_order_in_which_they_were_made():
    ids = [runs.new_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [i[:20] for i in ids] == sorted(i[:20] for i in ids)


@pytest.mark.parametrize("name", ["ot", "last", ""])
def test_test_images_are_not_opened_to_a_name_that_is_not_whole(tmp_path, name):
    make(tmp_path, "otter")
    with pytest.raises(UserError, match="otter"):
        run_groups.check_whole([name], str(tmp_path))


def test_a_whole_name_may_begin_others_and_a_path_is_whole(tmp_path):
    make(tmp_path, "otter")
    make(tmp_path, "otter-2")
    run_groups.check_whole(["otter"], str(tmp_path))
    run_groups.check_whole([str(tmp_path / "otter")], str(tmp_path))
    run_groups.check_whole(["lenet5:mnist"], str(tmp_path))


@pytest.mark.parametrize("name", ["../victim", "s/../../victim", "", "/etc"])
def test_a_name_in_a_sweep_does_not_lead_out_of_it(tmp_path, name):
    folder = Folder(tmp_path / "s", "s")
    with pytest.raises(UserError, match="no run of this sweep"):
        folder.run_path(name)
    assert folder.run_path("s/trial-001") == tmp_path / "s" / "trial-001"


def test_a_group_does_not_lead_out_of_the_folder_of_runs(tmp_path):
    group = run_groups.Group(tmp_path / "g", "g")
    assert group.run("../parent").path == tmp_path / "parent"
    with pytest.raises(UserError, match="leads out"):
        group.run("../../victim")
