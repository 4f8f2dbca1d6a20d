"""The processes a sweep runs on: its own, or those of a Dask scheduler that runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from mosaik_bottomup.app.runs.workers import ONE_THREAD

CONNECT_TIMEOUT_S = 30
OWN_CLUSTER = {
    # a run whose process dies has failed: another try would end the same way
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.profile.enabled": False,
}


@contextmanager
def own_cluster(workers: int) -> Iterator[Client]:
    """Start processes of one thread each on this machine; end them at the end."""
    with (
        dask.config.set(OWN_CLUSTER),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # Dask would pause large runs instead of letting them end
            dashboard_address=":0",  # None would want port 8787, of every sweep
            silence_logs=logging.CRITICAL,
            env=dict.fromkeys(ONE_THREAD, "1"),
            preload=["mosaik_bottomup.app.sweep.worker"],
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def joined_cluster(address: str) -> Iterator[Client]:
    """Join a running scheduler; its workers must see this machine's folders.

    Raises
    ------
    OSError
        If no scheduler answers there.
    """
    with Client(address, timeout=CONNECT_TIMEOUT_S) as client:
        yield client
