"""The network as pandapower sees it: the reference model, and slow."""

import numpy as np
import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.grid.flow_result import PowerFlowResult
from mosaik_bottomup.grid.low_voltage import KVA_PER_MVA
from mosaik_bottomup.grid.medium_voltage import BUSBAR, power_of_points
from mosaik_bottomup.grid.network import NO_AREA, Network

TOLERANCE_MVA = 1e-10
"""Mismatch of power per bus at which Newton-Raphson stops."""

_KW_PER_MW = 1e3
_DEGREES_PER_HOUR_OF_CLOCK = 30.0


class PandapowerEngine:
    """Solves one network with pandapower."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._net = to_pandapower(network)

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlowResult | None:
        """Solve for loads of shape ``(homes,)``; None if there is no solution."""
        net, network = self._net, self._network
        net.load["p_mw"] = p_kw / _KW_PER_MW
        net.load["q_mvar"] = q_kvar / _KW_PER_MW
        try:
            pp.runpp(net, numba=False, trafo_model="pi", tolerance_mva=TOLERANCE_MVA)
        except pp.LoadflowNotConverged:
            return None
        transformer, line = net.res_trafo, net.res_line
        losses_mw = transformer.pl_mw.to_numpy(copy=True)
        in_areas = network.line_area != NO_AREA
        line_losses_mw = line.pl_mw.to_numpy()[in_areas]
        np.add.at(losses_mw, network.line_area[in_areas], line_losses_mw)
        point_p_mw, point_q_mvar = (
            power_of_points(
                network.points,
                line[f"{of}_from_{unit}"].to_numpy(),
                transformer[f"{of}_hv_{unit}"].to_numpy(),
                network.transformers.hv_bus,
            )
            for of, unit in (("p", "mw"), ("q", "mvar"))
        )
        return PowerFlowResult(
            transformer_loading_percent=transformer.loading_percent.to_numpy(copy=True),
            transformer_p_kw=transformer.p_hv_mw.to_numpy() * _KW_PER_MW,
            transformer_q_kvar=transformer.q_hv_mvar.to_numpy() * _KW_PER_MW,
            losses_kw=losses_mw * _KW_PER_MW,
            voltage_pu=net.res_bus.vm_pu.to_numpy(copy=True),
            line_loading_percent=line.loading_percent.to_numpy(copy=True),
            line_current_ka=line.i_ka.to_numpy(copy=True),
            point_p_kw=point_p_mw * _KW_PER_MW,
            point_q_kvar=point_q_mvar * _KW_PER_MW,
        )

    def solve_batch(
        self, p_kw: FloatArray, q_kvar: FloatArray
    ) -> PowerFlowResult | None:
        """Return None: pandapower has no batch worth the name."""
        return None


def to_pandapower(network: Network) -> pandapowerNet:
    """Return the network as a pandapower net; loads are the homes, at 0 kW.

    Rows of its tables are rows of `network`. Its column ``zone`` holds the area.
    """
    lines, rating = network.lines, network.transformers
    net = pp.create_empty_network()
    zones = [
        "" if area == NO_AREA else network.areas[area] for area in network.bus_area
    ]
    pp.create_buses(
        net, len(network.bus_names), network.bus_kv, name=network.bus_names, zone=zones
    )
    pp.create_ext_grid(net, BUSBAR, vm_pu=network.mv_voltage_pu)
    pp.create_lines_from_parameters(
        net,
        lines.from_bus,
        lines.to_bus,
        lines.length_km,
        lines.r_ohm_per_km,
        lines.x_ohm_per_km,
        lines.c_nf_per_km,
        lines.max_i_ka,
        name=network.line_names,
    )
    pp.create_transformers_from_parameters(
        net,
        rating.hv_bus,
        rating.lv_bus,
        rating.rating_kva / KVA_PER_MVA,
        rating.hv_kv,
        rating.lv_kv,
        rating.vkr_percent,
        rating.vk_percent,
        rating.pfe_kw,
        rating.i0_percent,
        shift_degree=rating.clock * _DEGREES_PER_HOUR_OF_CLOCK,
        tap_side="hv",
        tap_pos=rating.tap_pos,
        tap_neutral=rating.tap_neutral,
        tap_min=rating.tap_min,
        tap_max=rating.tap_max,
        tap_step_percent=rating.tap_step_percent,
        tap_step_degree=0.0,
        # without its type the tap is silently ignored
        tap_changer_type="Ratio",
        name=network.transformer_names,
    )
    pp.create_loads(
        net,
        network.home_bus,
        np.zeros(len(network.home_names)),
        np.zeros(len(network.home_names)),
        name=network.home_names,
        zone=[network.areas[area] for area in network.home_area],
    )
    return net
