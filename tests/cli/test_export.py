"""`zoo export`, as it is typed and as it answers."""

from types import SimpleNamespace

import pytest

from zoo.cli.main import main
from zoo.serving import formats


def test_it_prints_what_was_written_and_how_it_was_checked(copy, capfd):
    assert main(["export", "done", f"--runs_dir={copy.parent}"]) == 0
    said = capfd.readouterr()
    first, *_, last = said.out.splitlines()
    assert first.startswith(f"export    {copy}/exports/done.keras, ")
    assert last.startswith("parity    144 validation images: largest")
    assert last.endswith("144 of 144 predictions are equal")
    assert said.err == ""


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--format=onx", "no export format 'onx'; did you mean onnx"),
        ("--format=torch", "onnx, tflite, tflite_int8 or python"),
        ("--format=keras --out={here}/model", "--out={here}/model.keras"),
        ("--format=saved_model --out={here}/m.onnx", "which is a folder"),
        ("--out={here}/none/m.keras", "there is no folder {here}/none"),
        ("--out={here}/there.keras", "exists already; --overwrite"),
        ("--out={here}/folder.keras --overwrite", "is a folder"),
        ("--format=saved_model --out={here}/there --overwrite", "is a file"),
        ("--format=saved_model --out={here}/other", "exists already"),
        (
            "--format=saved_model --out={here}/other --overwrite",
            "holds no saved_model.pb",
        ),
    ],
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(
    answer, copy, tmp_path, flags, said
):
    here = tmp_path / "here"
    (here / "folder.keras").mkdir(parents=True)
    (here / "other").mkdir()
    (here / "other" / "diary.txt").write_text("dear diary")
    (here / "there.keras").write_text("old")
    (here / "there").write_text("old")
    before = sorted(here.rglob("*"))
    words = flags.format(here=here).split()
    sentence = answer("export", "done", *words)
    assert said.format(here=here) in sentence
    assert sorted(here.rglob("*")) == before
    assert (here / "there.keras").read_text() == "old"
    assert not (copy / "exports").exists()


def test_a_package_that_is_missing_is_named_with_its_command(
    answer, copy, monkeypatch
):
    nothing = SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr(formats, "importlib", nothing)
    sentence = answer("export", "done", "--format=onnx")
    assert "tf2onnx, onnx and onnxruntime, which are not inst" in sentence
    assert "`pip install tf2onnx onnx onnxruntime`" in sentence
