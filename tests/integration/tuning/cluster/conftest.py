"""The cluster that most tests share."""

import pytest

from tests.integration.tuning.cluster.nodes import Cluster


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(shared_cluster):
    """Both nodes alive, and nothing that kills."""
    shared_cluster.kill_at()
    yield shared_cluster
    if shared_cluster.b.raylet() is None:
        shared_cluster.start_b()
