"""How far each run's peaks are below those of price-only whose ties are spread.

What costs a home the same it does sooner, so that price-only herds more than its costs
ask for. Whoever doubts a reduction of such a peak finds here what remains of it.
"""

from dataclasses import replace

from mosaik_bottomup.app.evidence.campaign import Harvest, Record
from mosaik_bottomup.app.evidence.measuring import Metrics
from mosaik_bottomup.app.evidence.variants import SPREAD

PERCENT = 100.0
PEAK = "peak_loading_percent."
BELOW_SPREAD = "peak_below_spread_percent"


def with_reduction_from_spread(harvest: Harvest) -> Harvest:
    """Return the harvest with `BELOW_SPREAD` for each run whose seed has ties spread.

    ``100 · (1 − peak / peak_spread)`` in each area, of which the least counts.
    """
    spread = {
        record.point.seed: record.metrics
        for record in harvest.records
        if record.point.variant == SPREAD
    }
    return replace(
        harvest,
        records=tuple(
            _related(record, spread[record.point.seed])
            if record.point.seed in spread
            else record
            for record in harvest.records
        ),
    )


def _related(record: Record, spread: Metrics) -> Record:
    reductions = [
        PERCENT * (1.0 - record.metrics[key] / peak_percent)
        for key, peak_percent in spread.items()
        if key.startswith(PEAK)
    ]
    metrics = record.metrics | {BELOW_SPREAD: min(reductions)}
    return replace(record, metrics=metrics)
