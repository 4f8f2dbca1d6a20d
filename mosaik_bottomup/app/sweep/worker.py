"""What a process of the sweep's own cluster does first; Dask loads it as a preload."""

import os
import signal


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C to the process that started us, and standard output to it, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
