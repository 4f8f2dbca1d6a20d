"""The network as power-grid-model sees it: compiled once, then fed with loads.

Transformers are pi circuits, lines have capacitance but no conductance, and the
source is stiff, so that the medium-voltage busbar keeps its voltage.
"""

from typing import Any

import numpy as np
import power_grid_model as pgm
from numpy.typing import NDArray
from power_grid_model.errors import PowerGridError

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.grid.flow_result import PowerFlowResult
from mosaik_bottomup.grid.medium_voltage import BUSBAR, power_of_points
from mosaik_bottomup.grid.network import NO_AREA, Network

ERROR_TOLERANCE_PU = 1e-8
"""Change of voltage in the last Newton-Raphson iteration."""
MAX_ITERATIONS = 20

_ON = 1
_STIFF_SOURCE_VA = 1e20  # no voltage drop to speak of: below 1e-12 pu
_SEQUENTIAL = -1
_SQRT_3 = np.sqrt(3.0)
_WATT_PER_KW = 1e3
_VOLT_PER_KV = 1e3
_VA_PER_KVA = 1e3
_AMPERE_PER_KA = 1e3
_FARAD_PER_NF = 1e-9
_PERCENT = 100.0
_OUTPUT = {
    pgm.ComponentType.node: ["u_pu"],
    pgm.ComponentType.line: ["p_from", "q_from", "p_to", "i_from", "i_to"],
    pgm.ComponentType.transformer: ["p_from", "q_from", "p_to", "i_from", "i_to"],
}
OPTIONS: dict[str, Any] = {
    "symmetric": True,
    "calculation_method": pgm.CalculationMethod.newton_raphson,
    "error_tolerance": ERROR_TOLERANCE_PU,
    "max_iterations": MAX_ITERATIONS,
    "threading": _SEQUENTIAL,
    "output_component_types": _OUTPUT,
}
"""Of ``calculate_power_flow``."""

type Table = NDArray[Any]
"""A structured array of power-grid-model."""


class PowerGridModelEngine:
    """Solves one network with power-grid-model."""

    def __init__(self, network: Network) -> None:
        self._network = network
        tables = input_tables(network)
        self._model = pgm.PowerGridModel(tables)
        self._home_ids = tables[pgm.ComponentType.sym_load]["id"].copy()
        self._update = self._update_table(1)[0]

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlowResult | None:
        """Solve for loads of shape ``(homes,)``; None if there is no solution."""
        self._update["p_specified"] = p_kw * _WATT_PER_KW
        self._update["q_specified"] = q_kvar * _WATT_PER_KW
        self._model.update(update_data={pgm.ComponentType.sym_load: self._update})
        try:
            output = self._calculate()
        except PowerGridError:
            return None
        return self._result(output)

    def solve_batch(
        self, p_kw: FloatArray, q_kvar: FloatArray
    ) -> PowerFlowResult | None:
        """Solve for loads of shape ``(homes, n)``; None if one has no solution."""
        update = self._update_table(p_kw.shape[1])
        update["p_specified"] = p_kw.T * _WATT_PER_KW
        update["q_specified"] = q_kvar.T * _WATT_PER_KW
        try:
            output = self._calculate({pgm.ComponentType.sym_load: update})
        except PowerGridError:
            return None
        return self._result(output)

    def _update_table(self, scenarios: int) -> Table:
        update: Table = pgm.initialize_array(
            pgm.DatasetType.update,
            pgm.ComponentType.sym_load,
            (scenarios, self._home_ids.size),
        )
        update["id"] = self._home_ids
        return update

    def _calculate(self, update: Any = None) -> dict[Any, Any]:
        output: dict[Any, Any] = self._model.calculate_power_flow(
            update_data=update, **OPTIONS
        )
        return output

    def _result(self, output: dict[Any, Any]) -> PowerFlowResult:
        # power-grid-model has (scenario, entity); transposed, one solution stays as is
        bus, line, transformer = (
            {name: output[kind][name].T for name in names}
            for kind, names in _OUTPUT.items()
        )
        network, rating = self._network, self._network.transformers
        scenarios = (1,) * (bus["u_pu"].ndim - 1)

        def per_entity(values: FloatArray) -> FloatArray:
            return values.reshape(-1, *scenarios)

        apparent_va = _SQRT_3 * np.maximum(
            transformer["i_from"] * per_entity(rating.hv_kv) * _VOLT_PER_KV,
            transformer["i_to"] * per_entity(rating.lv_kv) * _VOLT_PER_KV,
        )
        current_ka = np.maximum(line["i_from"], line["i_to"]) / _AMPERE_PER_KA
        line_losses_w = line["p_from"] + line["p_to"]
        losses_w = transformer["p_from"] + transformer["p_to"]
        in_areas = network.line_area != NO_AREA
        np.add.at(losses_w, network.line_area[in_areas], line_losses_w[in_areas])
        point_p_w, point_q_var = (
            power_of_points(network.points, line[at], transformer[at], rating.hv_bus)
            for at in ("p_from", "q_from")
        )
        return PowerFlowResult(
            transformer_loading_percent=_PERCENT
            * apparent_va
            / (per_entity(rating.rating_kva) * _VA_PER_KVA),
            transformer_p_kw=transformer["p_from"] / _WATT_PER_KW,
            transformer_q_kvar=transformer["q_from"] / _WATT_PER_KW,
            losses_kw=losses_w / _WATT_PER_KW,
            voltage_pu=bus["u_pu"].copy(),
            line_loading_percent=_PERCENT
            * current_ka
            / per_entity(network.lines.max_i_ka),
            line_current_ka=current_ka,
            point_p_kw=point_p_w / _WATT_PER_KW,
            point_q_kvar=point_q_var / _WATT_PER_KW,
        )


def input_tables(network: Network) -> dict[pgm.ComponentType, Table]:
    """Return the network as input data of power-grid-model, without load.

    Ids run through buses, lines, transformers, the source and homes, in this order.
    """
    lines, rating = network.lines, network.transformers
    counts = [len(network.bus_names), len(network.line_names), len(network.areas), 1]
    first = np.cumsum([0, *counts])

    def table(kind: pgm.ComponentType, first_id: int, count: int) -> Table:
        rows: Table = pgm.initialize_array(pgm.DatasetType.input, kind, count)
        rows["id"] = first_id + np.arange(count)
        return rows

    node = table(pgm.ComponentType.node, first[0], counts[0])
    node["u_rated"] = network.bus_kv * _VOLT_PER_KV

    line = table(pgm.ComponentType.line, first[1], counts[1])
    _connect(line, lines.from_bus, lines.to_bus)
    line["r1"] = lines.r_ohm_per_km * lines.length_km
    line["x1"] = lines.x_ohm_per_km * lines.length_km
    line["c1"] = lines.c_nf_per_km * lines.length_km * _FARAD_PER_NF
    line["tan1"] = 0.0
    line["i_n"] = lines.max_i_ka * _AMPERE_PER_KA

    transformer = table(pgm.ComponentType.transformer, first[2], counts[2])
    _connect(transformer, rating.hv_bus, rating.lv_bus)
    transformer["u1"] = rating.hv_kv * _VOLT_PER_KV
    transformer["u2"] = rating.lv_kv * _VOLT_PER_KV
    transformer["sn"] = rating.rating_kva * _VA_PER_KVA
    transformer["uk"] = rating.vk_percent / _PERCENT
    transformer["pk"] = rating.vkr_percent / _PERCENT * rating.rating_kva * _VA_PER_KVA
    transformer["i0"] = rating.i0_percent / _PERCENT
    transformer["p0"] = rating.pfe_kw * _WATT_PER_KW
    # the windings matter for unbalanced flows only, but must fit the clock
    odd = rating.clock % 2 == 1
    transformer["winding_from"] = np.where(
        odd, pgm.WindingType.delta, pgm.WindingType.wye_n
    )
    transformer["winding_to"] = pgm.WindingType.wye_n
    transformer["clock"] = rating.clock
    transformer["tap_side"] = pgm.BranchSide.from_side
    transformer["tap_pos"] = rating.tap_pos
    transformer["tap_nom"] = rating.tap_neutral
    transformer["tap_min"] = rating.tap_min
    transformer["tap_max"] = rating.tap_max
    transformer["tap_size"] = (
        rating.tap_step_percent / _PERCENT * rating.hv_kv * _VOLT_PER_KV
    )

    source = table(pgm.ComponentType.source, first[3], 1)
    source["node"] = BUSBAR
    source["status"] = _ON
    source["u_ref"] = network.mv_voltage_pu
    source["sk"] = _STIFF_SOURCE_VA

    home = table(pgm.ComponentType.sym_load, first[4], len(network.home_names))
    home["node"] = network.home_bus
    home["status"] = _ON
    home["type"] = pgm.LoadGenType.const_power
    home["p_specified"] = home["q_specified"] = 0.0

    return {
        pgm.ComponentType.node: node,
        pgm.ComponentType.line: line,
        pgm.ComponentType.transformer: transformer,
        pgm.ComponentType.source: source,
        pgm.ComponentType.sym_load: home,
    }


def _connect(branch: Table, from_bus: IntArray, to_bus: IntArray) -> None:
    branch["from_node"] = from_bus
    branch["to_node"] = to_bus
    branch["from_status"] = branch["to_status"] = _ON
