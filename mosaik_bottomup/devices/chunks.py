"""How the plans of a large fleet are spread over the cores of a machine.

Sites plan independently of each other, so that neither the size of a chunk nor the
number of threads changes any result.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba

CHUNK_SITES = 512
"""Some 50 ms of planning: long beside the start of a thread, short beside a plan of a
fleet that has more than one chunk. A street is one chunk and starts no thread."""


def in_chunks(work: Callable[[int, int], None], sites: int) -> None:
    """Do work on all rows: ``work(first, end)``, which must not hold Python's lock.

    On as many threads as numba is given: those of ``NUMBA_NUM_THREADS``.
    """
    threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    starts = range(0, sites, CHUNK_SITES)
    ends = [min(start + CHUNK_SITES, sites) for start in starts]
    if len(ends) <= 1 or threads == 1:
        for start, end in zip(starts, ends, strict=True):
            work(start, end)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, starts, ends):
            pass  # whatever went wrong in a thread is raised here
