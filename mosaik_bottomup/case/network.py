"""The network of a scenario: its areas' grids, joined."""

from functools import lru_cache

from mosaik_bottomup.arrays import write_protect
from mosaik_bottomup.grid import catalogue, medium_voltage
from mosaik_bottomup.grid import network as grid_network
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.scenario import Grid
from mosaik_bottomup.scenario.sections import OWN_RATING_KVA


def build_network(grid: Grid) -> Network:
    """Return the areas with their transformers and what they share.

    Raises
    ------
    InputError
        If the user's own network cannot be used.
    """
    feeders = tuple(
        medium_voltage.Feeder(
            each.name,
            tuple(a for name in each.areas for a in grid.standing_for(name)),
            each.limit_kva,
            each.length_km,
            each.cable,
        )
        for each in grid.feeders
    )
    return _build_network(
        tuple(grid.networks.items()),
        catalogue.state_of(grid.file),
        grid.transformer_kva,
        grid.mv_voltage_pu,
        feeders,
        grid.hv_mv_kva,
    )


@lru_cache(maxsize=1)
def _build_network(
    areas: tuple[tuple[str, str], ...],
    file: catalogue.FileState,
    transformer_kva: tuple[float, ...],
    mv_voltage_pu: float,
    feeders: tuple[medium_voltage.Feeder, ...],
    hv_mv_kva: float,
) -> Network:
    known = catalogue.grids((name for _, name in areas), file)
    grids = {area: known[name] for area, name in areas}
    rating_kva = [
        float(grid.transformer.rating_kva[0]) if kva == OWN_RATING_KVA else kva
        for grid, kva in zip(grids.values(), transformer_kva, strict=True)
    ]
    return write_protect(
        grid_network.join(grids, rating_kva, mv_voltage_pu, feeders, hv_mv_kva)
    )
