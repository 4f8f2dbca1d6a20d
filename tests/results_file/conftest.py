"""A small results file, quiet and consistent, of which a test changes what it needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosaik_bottomup.results import LAYOUT, ResultsWriter, read, seal
from mosaik_bottomup.settlement import derived_group, settle

ATTRS = {
    "scenario": 'name = "small"\n',
    "scenario_name": "small",
    "seed": 7,
    "strategy": "two-stage",
    "voltage_min_pu": 0.9,
    "voltage_max_pu": 1.1,
}
ENTITIES = {
    "areas": ["A", "B"],
    "aggregators": ["X"],
    "portfolios": ["X A", "X B"],
    "heat_pumps": ["HP-A", "HP-B"],
    "pv_batteries": ["PV-A", "PV-B"],
    "households": ["A-1", "A-2", "B-1", "B-2"],
    "transformers": ["A", "B"],
    "buses": ["A-Bus", "B-Bus"],
    "lines": ["A-Line", "B-Line"],
    "congestion_points": ["north"],
    "messages": ["fleets-aggregators"],
}
SITE = {"area": [0, 1], "aggregator": [0, 0], "home": [0, 2]}
STATIC = {
    "areas": {"limit": [100.0, 80.0], "rating": [100.0, 100.0]},
    "aggregators": {"imbalance_price": [2.0]},
    "heat_pumps": SITE
    | {
        "comfort_low_c": [20.0, 20.0],
        "comfort_high_c": [22.0, 22.0],
        "air_kwh_per_k": [3.0, 3.0],
        "floor_kwh_per_k": [6.0, 6.0],
        "cop_mean": [3.0, 4.0],
        "start_air_c": [21.0, 21.0],
        "start_floor_c": [24.0, 24.0],
        "guard_steps": [2, 2],
    },
    "pv_batteries": SITE
    | {
        "capacity_kwh": [10.0, 10.0],
        "energy_low_kwh": [1.0, 1.0],
        "energy_high_kwh": [9.5, 9.5],
        "efficiency": [0.9, 0.9],
        "start_energy_kwh": [5.0, 5.0],
        "power_max_kw": [4.0, 4.0],
        "pv_kwp": [5.0, 5.0],
    },
    "households": {"area": [0, 0, 1, 1]},
    "buses": {"area": [0, 1]},
    "lines": {"area": [0, 1]},
    "congestion_points": {"limit": [150.0]},
}
# Behind each transformer: 2 kW heat pump, 1 kW PV home, 2 × 0.5 kW, 0.1 kW losses.
QUIET = {
    "market/import_price": 2.0,
    "market/export_price": 0.5,
    "heat_pumps/power_kw": 2.0,
    "heat_pumps/setpoint_kw": 2.0,
    "heat_pumps/offer_high_kw": 3.0,
    "heat_pumps/air_c": 21.0,
    "heat_pumps/floor_c": 24.0,
    "pv_batteries/power_kw": 1.0,
    "pv_batteries/setpoint_kw": 1.0,
    "pv_batteries/offer_low_kw": -3.0,
    "pv_batteries/offer_high_kw": 3.0,
    "pv_batteries/energy_kwh": 5.0,
    "households/power_kw": 0.5,
    "portfolios/envelope_low_kw": 0.0,
    "portfolios/envelope_high_kw": 6.0,
    "portfolios/dispatched_kw": 3.0,
    "transformers/power_kw": 4.1,
    "transformers/losses_kw": 0.1,
    "transformers/loading": 50.0,
    "buses/voltage": 1.0,
    "lines/loading": 30.0,
    "congestion_points/loading": 60.0,
}

type Change = dict[str, Any]


def small_steps(
    steps: int, series: Change, entities: dict[str, list[str]]
) -> list[dict[str, dict[str, Any]]]:
    """Return all steps, as the recorder hands them over."""
    held = {
        f"{group.name}/{variable.name}": np.broadcast_to(
            np.asarray(
                series.get(
                    f"{group.name}/{variable.name}",
                    QUIET.get(f"{group.name}/{variable.name}", 0.0),
                ),
                dtype=float,
            ),
            (len(entities[group.name]), steps) if group.dimension else (steps,),
        )
        for group in LAYOUT.values()
        if group.name in entities or group.dimension is None
        for variable in group.series
    }
    assert not series.keys() - held.keys()
    listed: list[dict[str, dict[str, Any]]] = [{} for _ in range(steps)]
    for name, values in held.items():
        group, variable = name.split("/")
        for step in range(steps):
            listed[step].setdefault(group, {})[variable] = values[..., step].tolist()
    return listed


@pytest.fixture
def small_attrs() -> dict[str, Any]:
    """Return the root attributes of the small run."""
    return dict(ATTRS)


@pytest.fixture
def small_writer(tmp_path: Path) -> Callable[..., ResultsWriter]:
    """Return a function that opens a writer on the small run's file."""

    def write(
        steps: int = 4,
        without: tuple[str, ...] = (),
        static: Change | None = None,
        **options: Any,
    ) -> ResultsWriter:
        entities = {k: v for k, v in ENTITIES.items() if k not in without}
        held = {group: dict(STATIC.get(group, {})) for group in entities}
        for name, values in (static or {}).items():
            group, variable = name.split("/")
            held[group][variable] = values
        arguments: dict[str, Any] = {
            "path": tmp_path / "small.h5",
            "attrs": ATTRS,
            "start_utc": "2016-01-03T23:00:00+00:00",
            "step_s": 900,
            "steps": steps,
            "entities": entities,
            "static": held,
        }
        return ResultsWriter(**arguments | options)

    return write


@pytest.fixture
def small_run(small_writer: Callable[..., ResultsWriter]) -> Callable[..., Path]:
    """Return a function that writes the small run and returns its file."""

    def run(
        series: Change | None = None,
        steps: int = 4,
        without: tuple[str, ...] = (),
        certificate: dict[str, Any] | None = None,
        settled: bool = False,
        **options: Any,
    ) -> Path:
        entities = {k: v for k, v in ENTITIES.items() if k not in without}
        with small_writer(steps, without, **options) as writer:
            for step in small_steps(steps, series or {}, entities):
                writer.append(step)
        if certificate is not None:
            added = derived_group(settle(read(writer.path))) if settled else None
            seal(writer.path, certificate, 12.5, [3.0, 1.0, 2.0], added)
        return writer.path

    return run


@pytest.fixture
def steps_of() -> Callable[..., list[dict[str, dict[str, Any]]]]:
    """Return a function that lists the small run's steps."""

    def steps(
        steps: int = 4, series: Change | None = None
    ) -> list[dict[str, dict[str, Any]]]:
        return small_steps(steps, series or {}, ENTITIES)

    return steps
