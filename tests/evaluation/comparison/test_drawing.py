"""Learning curves in one picture."""

from types import SimpleNamespace

import pytest

from zoo.evaluation.comparison import drawing


def run_with(like, name, losses):
    """Returns a run as `draw` reads it, of another recipe."""
    rows = [
        {"epoch": epoch, "val_loss": loss}
        for epoch, loss in enumerate(losses, 1)
    ]
    return SimpleNamespace(
        name=name,
        path=like.path / name,
        history=rows,
        config=like.config.replace(l2=len(name) / 100),
        resolved=like.resolved,
    )


@pytest.mark.parametrize(
    "losses, scale", [((2e5, 3e5), "log"), ((4.0, 0.3), "linear")]
)
def test_a_run_gone_wild_does_not_hide_the_others(weak, losses, scale):
    good, other = run_with(weak, "a", (0.5, 0.2)), run_with(weak, "bc", losses)
    (axes,) = drawing.draw([good, other]).axes
    assert axes.get_yscale() == scale


def test_a_loss_of_zero_stays_in_the_picture(weak):
    (axes,) = drawing.draw([run_with(weak, "a", (100.0, 0.0))]).axes
    assert axes.get_yscale() == "linear"
