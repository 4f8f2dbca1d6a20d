"""What share of the possible peak reduction each run of a frontier has captured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mosaik_bottomup.app.evidence.campaign import OPTIMUM, Harvest, Record
from mosaik_bottomup.app.evidence.measuring import Metrics
from mosaik_bottomup.app.evidence.variants import VARIANTS
from mosaik_bottomup.metrics import capture_percent, peak_at_cost_percent

COST = "customer_cost_dkk"
PEAK = "peak_loading_percent."
CAPTURE = "capture_percent"
PEAK_TOLERANCE_PERCENT = 0.5
"""How much lower than all optima a peak may be that still counts as one of theirs: at a
limit both are as low as the DSO's margin lets them be."""


def with_capture(harvest: Harvest) -> Harvest:
    """Return the harvest with `CAPTURE` for each run whose seed has optima.

    What the optimum could have done at a run's cost lies between the optima of its seed
    at the limits that were run; of the areas the least capture counts, and each has its
    own. Where the optimum could do nothing for an area, there is nothing to capture,
    and where a run went lower than any optimum that was run, nothing to tell it by.
    """
    by_point = {record.point: record.metrics for record in harvest.records}
    optima: dict[int, list[Metrics]] = {}
    for record in harvest.records:
        if VARIANTS[record.point.variant].strategy == OPTIMUM:
            optima.setdefault(record.point.seed, []).append(record.metrics)
    records = tuple(
        _with_capture(
            record,
            by_point.get(record.point.reference, {}),
            optima.get(record.point.seed, []),
        )
        for record in harvest.records
    )
    return replace(harvest, records=records)


def _with_capture(
    record: Record, reference: Mapping[str, float], optima: Sequence[Metrics]
) -> Record:
    if record.point == record.point.reference or not optima:
        return record
    costs = np.array([each[COST] for each in optima])
    found: Metrics = {}
    for key, base_percent in reference.items():
        if not key.startswith(PEAK):
            continue
        peaks_percent = np.array([each[key] for each in optima])
        metrics = record.metrics
        best_percent = peak_at_cost_percent(costs, peaks_percent, metrics[COST])
        reaches = metrics[key] >= peaks_percent.min() - PEAK_TOLERANCE_PERCENT
        if best_percent < base_percent and reaches:
            name = f"{CAPTURE}.{key.removeprefix(PEAK)}"
            found[name] = capture_percent(base_percent, metrics[key], best_percent)
    if found:
        found[CAPTURE] = min(found.values())
    return replace(record, metrics=record.metrics | found)
