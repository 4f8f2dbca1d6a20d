"""What the homes' powers do to transformers, lines and voltages.

Two engines solve the same network: power-grid-model in well under a millisecond, and
pandapower, the reference, in some 60 ms. Loads are of constant power, three-phase and
balanced.
"""

from dataclasses import fields
from importlib import import_module
from typing import Literal, Protocol

import numpy as np
from scipy.sparse import csr_array

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.grid.flow_result import PowerFlowError, PowerFlowResult
from mosaik_bottomup.grid.network import Network

__all__ = ["Engine", "PowerFlow", "PowerFlowError", "PowerFlowResult", "area_sums"]

type Engine = Literal["power-grid-model", "pandapower"]

# imported when asked for: pandapower takes more than a second
_ENGINES = {
    "power-grid-model": ("power_grid_model_engine", "PowerGridModelEngine"),
    "pandapower": ("pandapower_engine", "PandapowerEngine"),
}


class _Solver(Protocol):
    """Both return None if there is no solution, or (a batch) no way to find it."""

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlowResult | None: ...

    def solve_batch(
        self, p_kw: FloatArray, q_kvar: FloatArray
    ) -> PowerFlowResult | None: ...


class PowerFlow:
    """A network made ready for many power flows.

    Parameters
    ----------
    network
        What to solve; kept as attribute ``network``.
    engine
        ``"power-grid-model"`` (fast) or ``"pandapower"`` (reference).

    Raises
    ------
    ValueError
        If there is no such engine.
    """

    def __init__(self, network: Network, engine: Engine = "power-grid-model") -> None:
        if engine not in _ENGINES:
            raise ValueError(f"no engine {engine!r}, only {sorted(_ENGINES)}")
        module, name = _ENGINES[engine]
        self.network = network
        self.engine = engine
        found = import_module(f"mosaik_bottomup.grid.{module}")
        self._solver: _Solver = getattr(found, name)(network)

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlowResult:
        """Solve for one set of loads.

        Parameters
        ----------
        p_kw, q_kvar : (homes,) array
            Net active and reactive power of each home, consumption positive.

        Raises
        ------
        ValueError
            If the shapes do not fit or a load is not a finite number.
        PowerFlowError
            If no solution is found.
        """
        self._check(p_kw, q_kvar, (len(self.network.home_names),))
        result = self._solver.solve(p_kw, q_kvar)
        if result is None:
            raise PowerFlowError(
                self.network.areas,
                area_sums(self.network, p_kw),
                area_sums(self.network, q_kvar),
            )
        return result

    def solve_batch(self, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlowResult:
        """Solve for ``n`` sets of loads, each array ``(homes, n)``.

        Arrays of the result are ``(entity, n)``. Raises like :meth:`solve`, naming
        the loads of the first set that has no solution.
        """
        self._check(p_kw, q_kvar, (len(self.network.home_names), p_kw.shape[-1]))
        result = self._solver.solve_batch(p_kw, q_kvar)
        if result is not None:
            return result
        one_by_one = [
            self.solve(p_kw[:, k], q_kvar[:, k]) for k in range(p_kw.shape[1])
        ]
        return PowerFlowResult(
            **{
                field.name: np.stack([getattr(at, field.name) for at in one_by_one], -1)
                for field in fields(PowerFlowResult)
            }
        )

    def _check(
        self, p_kw: FloatArray, q_kvar: FloatArray, shape: tuple[int, ...]
    ) -> None:
        for name, power in (("p_kw", p_kw), ("q_kvar", q_kvar)):
            if power.shape != shape:
                raise ValueError(f"{name} has shape {power.shape}, not {shape}")
            good = np.isfinite(power)
            if not good.all():
                home = self.network.home_names[np.argwhere(~good)[0, 0]]
                raise ValueError(f"{name} of {home} is not a finite number")


def area_sums(network: Network, power: FloatArray) -> FloatArray:
    """Add up the homes' powers, ``(homes,)`` or ``(homes, n)``, by area."""
    homes, areas = network.home_area.size, len(network.areas)
    # homes are numbered area by area
    ends = np.searchsorted(network.home_area, np.arange(areas + 1))
    member = csr_array((np.ones(homes), np.arange(homes), ends), (areas, homes))
    sums: FloatArray = member @ power
    return sums
