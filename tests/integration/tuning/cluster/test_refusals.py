"""Clusters that cannot be used, refused in one sentence before any trial."""

import re
import sys

import pytest

from tests.integration.tuning.cluster.nodes import Cluster

SWEEP = ["sweep", "--model=lr", "--epochs=1", "--trials=2", "--retrain_seeds=0"]
SWEEP += ["--space=l2=0,0.1"]
pytestmark = pytest.mark.cluster


@pytest.fixture
def refused(cluster, tmp_path):
    """Returns a function: types a sweep, checks and returns its answer."""

    def ask(*argv, on=cluster, **environment):
        root = tmp_path / "runs"
        address = f"--cluster={on.address}"
        argv = [*SWEEP, f"--runs_dir={root}", address, *argv]
        err = on.run(*argv, code=2, **environment)
        assert err.count("\n") == 1 and "Traceback" not in err, err
        assert re.match(r"zoo: [^A-Z\s].*[.?]$", err.rstrip("\n")), err
        assert not root.exists() or not list(root.iterdir())
        return err

    return ask


def test_a_wrong_token(refused, tmp_path):
    path = tmp_path / "token"
    path.write_text("b" * 64)
    sentence = refused(RAY_AUTH_TOKEN_PATH=str(path))
    assert "token" in sentence and "RAY_AUTH_TOKEN_PATH" in sentence


def test_no_token_where_the_cluster_asks_for_one(refused):
    sentence = refused(RAY_AUTH_MODE="disabled")
    assert "RAY_AUTH_MODE=token" in sentence


def test_a_token_that_is_not_there(refused, tmp_path):
    sentence = refused(RAY_AUTH_TOKEN_PATH=str(tmp_path / "nothing"))
    assert "token" in sentence


def test_a_cluster_that_is_open_to_everybody(refused, tmp_path):
    cluster = Cluster(tmp_path / "open", token=None)
    try:
        cluster.start()
        sentence = refused(on=cluster)
        assert "--cluster_without_token" in sentence
        assert "ray get-auth-token --generate" in sentence
        argv = [*SWEEP, f"--runs_dir={tmp_path / 'runs'}"]
        argv += [f"--cluster={cluster.address}", "--cluster_without_token"]
        assert "done: 2 trials" in cluster.run(*argv)
    finally:
        cluster.stop()


def test_no_cluster_at_an_address(refused):
    closed = refused("--cluster=127.0.0.1:1")
    assert "127.0.0.1:1" in closed and "ray start --head" in closed
    # And nobody has this address, on the side that it is of.
    assert "10.255.255.1" in refused("--cluster=10.255.255.1:6379")


@pytest.mark.skipif(sys.platform != "linux", reason="hides processes")
def test_no_cluster_on_this_machine(refused):
    # Ray knows the cluster of a machine by its processes.
    hidden = ["unshare", "--pid", "--fork", "--mount-proc"]
    sentence = refused("--cluster=auto", prefix=hidden, RAY_ADDRESS="")
    assert "no Ray cluster answers at --cluster=auto" in sentence


def test_more_than_any_node_has(refused):
    assert "--trial_gpus=9" in refused("--trial_gpus=9")
    assert "--trial_cpus=64" in refused("--trial_cpus=64")


def test_another_version_on_a_node(refused, cluster, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import zoo; zoo.__version__ = '0.0.7'"
    )
    path = f"{tmp_path}:{cluster.environment['PYTHONPATH']}"
    cluster.start_b(PYTHONPATH=path)
    sentence = refused()
    assert cluster.b.address in sentence and "zoo 0.0.7" in sentence
    cluster.start_b()


@pytest.mark.skipif(sys.platform != "linux", reason="mounts")
def test_a_folder_of_runs_that_is_not_shared(refused, cluster, tmp_path):
    (tmp_path / "runs").mkdir()
    cluster.start_b(prepare=f"mount -t tmpfs none {tmp_path / 'runs'}")
    sentence = refused()
    assert cluster.b.address in sentence and "--runs_dir" in sentence
    cluster.start_b()
