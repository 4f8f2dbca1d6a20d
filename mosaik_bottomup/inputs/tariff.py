"""What a household pays and earns per kWh, over the day-ahead price."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs.clock import LOCAL_ZONE, Clock

_SUMMER_MONTHS = (4, 5, 6, 7, 8, 9)


def by_hour(low: float, high: float, peak: float) -> tuple[float, ...]:
    """Hours of the Danish tariff model 3.0: low at night, peak from 17 to 21."""
    return (low,) * 6 + (high,) * 11 + (peak,) * 4 + (high,) * 3


@dataclass(frozen=True, slots=True)
class RetailTariff:
    """Danish household tariff; the defaults are N1's of 2024.

    Grid tariffs have 24 values, one per local hour; winter is October to March. In
    winter the bands relate as 1 : 3 : 9, in summer as 1 : 1.5 : 3.9.

    Raises
    ------
    ValueError
        If a grid tariff has not 24 values.
    """

    grid_winter_dkk_per_kwh: tuple[float, ...] = by_hour(0.110, 0.330, 0.991)
    grid_summer_dkk_per_kwh: tuple[float, ...] = by_hour(0.110, 0.165, 0.429)
    transmission_dkk_per_kwh: float = 0.115
    """Energinet's transmission and system tariff."""
    margin_dkk_per_kwh: float = 0.05
    """What the retailer adds."""
    tax_dkk_per_kwh: float = 0.008
    """Electricity tax."""
    vat_factor: float = 1.25
    feed_in_deduction_dkk_per_kwh: float = 0.02
    """What the buyer of feed-in keeps of the day-ahead price."""

    def __post_init__(self) -> None:
        for season in (self.grid_winter_dkk_per_kwh, self.grid_summer_dkk_per_kwh):
            if len(season) != 24:
                raise ValueError(f"grid tariff has {len(season)} values, not 24")


def import_dkk_per_kwh(
    day_ahead_dkk_per_kwh: FloatArray, clock: Clock, tariff: RetailTariff
) -> FloatArray:
    """Retail price of a kWh taken from the grid, VAT included, (steps,)."""
    grid = grid_dkk_per_kwh(clock, tariff)
    added = (
        tariff.transmission_dkk_per_kwh
        + tariff.margin_dkk_per_kwh
        + tariff.tax_dkk_per_kwh
    )
    retail: FloatArray = (day_ahead_dkk_per_kwh + grid + added) * tariff.vat_factor
    return retail


def grid_dkk_per_kwh(clock: Clock, tariff: RetailTariff) -> FloatArray:
    """Grid tariff of a kWh taken from the grid, without VAT, (steps,)."""
    local = clock.local(LOCAL_ZONE)
    hour = local.hour.to_numpy()
    grid: FloatArray = np.where(
        np.isin(local.month.to_numpy(), _SUMMER_MONTHS),
        np.array(tariff.grid_summer_dkk_per_kwh)[hour],
        np.array(tariff.grid_winter_dkk_per_kwh)[hour],
    )
    return grid


def export_dkk_per_kwh(
    day_ahead_dkk_per_kwh: FloatArray, tariff: RetailTariff
) -> FloatArray:
    """Pay for a kWh fed into the grid, (steps,)."""
    return day_ahead_dkk_per_kwh - tariff.feed_in_deduction_dkk_per_kwh
