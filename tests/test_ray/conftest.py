"""Drawn images, the model in the package, and a cluster of two machines."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.test_apis.conftest import art, demo, sketches

__all__ = ['art', 'demo', 'sketches']
NODE = dict(num_cpus=1, object_store_memory=80 * 2**20, include_dashboard=False)


@pytest.fixture(scope='session')
def paths(art: Path) -> list[str]:
    """A dozen drawn images of several scenarios."""
    return sorted(map(str, art.glob('2D_virtual_human/*/*.jpg')))[:12]


@pytest.fixture(scope='session')
def cluster() -> Iterator[Cluster]:
    """Two machines of one CPU each, to which Ray is connected."""
    with pytest.MonkeyPatch.context() as patch:
        # Else its workers get what others leave of this machine.
        patch.setenv('RAY_worker_niceness', '0')
        patch.setenv('OMP_NUM_THREADS', '1')
        cluster = Cluster()
        # Misses a machine after seconds.
        health = dict(health_check_initial_delay_ms=0, health_check_period_ms=500)
        cluster.add_node(**NODE, _system_config=health)
        cluster.add_node(**NODE)
        ray.init(cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def files_in(folder: Path) -> list[str]:
    """Names of the files of results."""
    return sorted(os.listdir(folder / 'poses'))
