"""Where the buses of an area are drawn: as a tree along the distance from its start.

SimBench's coordinates are not in the package, and in two of three streets they would
hide the lines behind each other. What matters is how far a bus is from its transformer,
so that is the horizontal place; the vertical one only keeps branches apart.
"""

from collections.abc import Sequence

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray


def place(
    start: int, from_bus: IntArray, to_bus: IntArray, length_m: FloatArray
) -> tuple[dict[int, float], dict[int, float]]:
    """Lay a network out from its start.

    Parameters
    ----------
    start
        The bus at the transformer.
    from_bus, to_bus, length_m
        The lines, each of shape (line,). A line that closes a loop is left out of the
        tree.

    Returns
    -------
    distance_m, height
        By bus: length of the lines on the way, and a row number, a bus halfway between
        its first and last branch.
    """
    neighbours: dict[int, list[tuple[int, float]]] = {}
    for one, other, metres in zip(
        from_bus.tolist(), to_bus.tolist(), length_m.tolist(), strict=True
    ):
        neighbours.setdefault(one, []).append((other, metres))
        neighbours.setdefault(other, []).append((one, metres))

    distance_m = {start: 0.0}
    branches: dict[int, list[int]] = {}
    visited = [start]
    for bus in visited:  # grows as it goes: nearest first
        branches[bus] = []
        for other, metres in neighbours.get(bus, ()):
            if other not in distance_m:
                distance_m[other] = distance_m[bus] + metres
                branches[bus].append(other)
                visited.append(other)
    return distance_m, _heights(start, branches, visited)


def _heights(
    start: int, branches: dict[int, list[int]], visited: Sequence[int]
) -> dict[int, float]:
    size: dict[int, int] = {}
    for bus in reversed(visited):
        size[bus] = 1 + sum(size[branch] for branch in branches[bus])
    ends: list[int] = []
    waiting = [start]
    while waiting:
        bus = waiting.pop()
        if not branches[bus]:
            ends.append(bus)
        waiting += sorted(branches[bus], key=lambda branch: size[branch])
    height = {bus: float(row) for row, bus in enumerate(ends)}
    for bus in reversed(visited):
        if bus not in height:
            of_branches = [height[branch] for branch in branches[bus]]
            height[bus] = float(np.mean([min(of_branches), max(of_branches)]))
    return height
