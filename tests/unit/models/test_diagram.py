"""Diagrams are whole files or none, and ask for what draws them."""

import pytest

from zoo.errors import UserError
from zoo.models import create_model
from zoo.models.describe import (
    check_diagram,
    describe_model,
    draw_diagram,
    missing_tools,
)

PNG = b"\x89PNG\r\n\x1a\n"


def nothing():
    return []


@pytest.mark.parametrize("name", ["net.png", "net.svg", "net.pdf", "net.PNG"])
def test_a_new_picture_can_be_drawn(tmp_path, name):
    check_diagram(tmp_path / name, nothing)


@pytest.mark.parametrize("name", ["net", "net.txt", "net.png.keras"])
def test_a_name_that_is_no_picture_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"ends in \.png, \.svg or \.pdf"):
        check_diagram(tmp_path / name, nothing)


def test_a_file_that_is_there_is_kept(tmp_path):
    path = tmp_path / "net.png"
    path.write_text("precious")
    with pytest.raises(UserError, match="already exists and is kept"):
        describe_model("lr", diagram=path)
    assert path.read_text() == "precious"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="there is no folder .*nowhere"):
        check_diagram(tmp_path / "nowhere" / "net.png", nothing)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="needs pydot and Graphviz, not found"):
        check_diagram(tmp_path / "net.png", lambda: ["pydot", "Graphviz"])


def test_a_diagram_is_drawn_where_its_tools_are(tmp_path):
    path = tmp_path / "net.png"
    if missing_tools():
        with pytest.raises(UserError, match="pydot|Graphviz"):
            describe_model("lr", diagram=path)
        assert not list(tmp_path.iterdir())
    else:
        describe_model("lr", diagram=path)
        assert path.read_bytes().startswith(PNG)
        assert list(tmp_path.iterdir()) == [path]


def test_a_drawing_that_fails_leaves_nothing(tmp_path):
    def half(model, file, **options):
        file.write_bytes(PNG)
        raise RuntimeError("out of ink")

    with pytest.raises(RuntimeError, match="out of ink"):
        draw_diagram(create_model("lr"), tmp_path / "net.png", plot=half)
    assert not list(tmp_path.iterdir())


def test_a_drawing_takes_its_place_when_it_is_whole(tmp_path):
    def plot(model, file, **options):
        assert not list(tmp_path.iterdir())
        file.write_bytes(PNG + model.name.encode())

    draw_diagram(create_model("lr"), tmp_path / "net.png", plot=plot)
    assert (tmp_path / "net.png").read_bytes() == PNG + b"lr"
