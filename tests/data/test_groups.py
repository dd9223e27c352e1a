"""Groups come from file names, and each file has one."""

import pytest

from zoo.data.groups import group_keys
from zoo.errors import UserError


def test_without_a_rule_there_are_no_groups():
    assert group_keys(["cat/1.png"], None) is None


def test_files_of_one_folder_are_a_group():
    names = ["cat/tom/1.png", "cat/tom/2.png", "cat/kit/1.png", "dog/tom/1.png"]
    keys = group_keys(names, "folder")
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("name", ["cat/1.png", "train/cat/1.png"])
def test_a_class_folder_itself_is_no_group(name):
    with pytest.raises(UserError, match=f"{name} lies in the folder of its"):
        group_keys([name], "folder")


def test_a_match_is_the_key():
    assert group_keys(["a/p12_3.png", "b/p12_4.png"], r"p\d+") == ["p12"] * 2


def test_the_first_group_of_a_match_is_the_key():
    assert group_keys(["a/p12_3.png"], r"p(\d+)_(\d)") == ["12"]


def test_a_file_without_a_match_is_named():
    with pytest.raises(UserError, match=r"does not match a/x\.png"):
        group_keys(["a/p1.png", "a/x.png"], r"p\d+")


def test_a_broken_expression_is_explained():
    with pytest.raises(UserError, match="is not a regular expression"):
        group_keys(["a/x.png"], "[")


def test_images_without_names_cannot_be_grouped():
    with pytest.raises(UserError, match="these images have none"):
        group_keys([], "folder")
