"""`zoo report`, as it is typed, and the page that each run leaves behind."""

import re

import pytest

from zoo.cli.main import main
from zoo.reporting import render
from zoo.run_store import RunStore

QUICK = ["--model=lr", "--steps=6", "--batch_size=256", "--summaries=none"]


def test_a_page_is_written_into_the_run_and_renewed(folder, capfd):
    path = folder / "a" / "report.html"
    for old in ("", "old"):
        path.write_text(old)
        assert main(["report", "a", f"--runs_dir={folder}"]) == 0
        assert capfd.readouterr() == (f"{path}\n", "")
        assert path.read_text().startswith("<!doctype html>")


def test_a_page_about_several_runs_is_in_their_folder(folder, capfd):
    assert main(["report", "a", "b", f"--runs_dir={folder}"]) == 0
    assert "2 runs" in (folder / "report.html").read_text()
    assert "report.html" in capfd.readouterr().out


def test_out_writes_elsewhere_and_replaces_only_if_told(answer, folder):
    out = folder.parent / "mine.html"
    flags = ["report", "a", f"--runs_dir={folder}", f"--out={out}"]
    assert main(flags) == 0
    out.write_text("mine")
    assert "exists already" in answer(*flags)
    assert out.read_text() == "mine"
    assert main([*flags, "--overwrite"]) == 0
    assert out.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "foo"], "no run 'foo'"),
        (["report", "a", "a"], "a second time"),
        (["report", "a", "--overwrite"], "--overwrite needs --out"),
        (["report", "a", "--out=no/such/x.html"], "there is no folder no/such"),
        (["report", "a", "--out=/"], "--out=/ is a folder"),
        (["report", "a", "--out="], "--out= is a folder"),
        (["report", "a", "--uot=x"], "did you mean --out?"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(answer, folder, words, said):
    before = {p for p in folder.rglob("*") if p.name != "lock"}
    assert said in answer(*words)
    assert {p for p in folder.rglob("*") if p.name != "lock"} == before


def test_a_run_that_is_not_finished_has_a_page(folder):
    (folder / "a" / "metrics.json").unlink()
    (folder / "a" / "model.keras").unlink()
    assert main(["report", "a", f"--runs_dir={folder}"]) == 0
    assert "was killed" in (folder / "a" / "report.html").read_text()


# At the end of training.


@pytest.fixture
def train(tmp_path, capfd):
    """Returns a function: trains a run named `a`; gives code, page and out."""

    def run(*flags):
        where = [f"--runs_dir={tmp_path}", "--run_name=a"]
        code = main(["train", *QUICK, *flags, *where])
        path = tmp_path / "a" / "report.html"
        page = path.read_text() if path.exists() else None
        return code, page, capfd.readouterr()

    return run


@pytest.mark.report
def test_a_run_leaves_its_page_and_says_where(train, tmp_path):
    code, page, said = train()
    assert code == 0
    assert re.search(rf"report +{tmp_path}/a/report.html", said.out)
    assert "Validation accuracy</p>" in page and "completed" in page


@pytest.mark.report
def test_a_page_that_fails_does_not_fail_the_run(train, tmp_path, monkeypatch):
    def fail(*words):
        raise ZeroDivisionError("as a bug would")

    monkeypatch.setattr(render, "render", fail)
    code, page, said = train()
    assert (code, page, said.err) == (0, None, "")
    assert re.search("report +could not be written; see log.txt", said.out)
    log = (tmp_path / "a" / "log.txt").read_text()
    assert "ZeroDivisionError: as a bug would" in log
    assert RunStore(str(tmp_path)).find("a").status == "completed"


@pytest.mark.report
def test_a_run_that_diverges_leaves_a_page_that_says_so(train):
    code, page, said = train(
        "--model=mlp", "--model_arg=hidden=8", "--learning_rate=1e30"
    )
    assert code == 3
    assert said.err.count("\n") == 1
    assert "This run diverged" in page
