"""Everything a run is fed with, step by step, in one bundle."""

from dataclasses import dataclass
from typing import Self

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs import solar, tariff
from mosaik_bottomup.inputs.clock import Clock
from mosaik_bottomup.inputs.tariff import RetailTariff
from mosaik_bottomup.inputs.weather import Weather


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Means over each step: (steps,), households (homes, steps).

    Raises
    ------
    ValueError
        If a series has not as many steps as the clock.
    """

    clock: Clock
    ambient_c: FloatArray
    global_w_m2: FloatArray
    day_ahead_dkk_per_kwh: FloatArray
    import_dkk_per_kwh: FloatArray
    export_dkk_per_kwh: FloatArray
    imbalance_dkk_per_kwh: FloatArray
    """Settled afterwards: nobody knows it ahead."""
    pv_kw_per_kwp: FloatArray
    household_kw: FloatArray

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            steps = getattr(self, name).shape[-1]
            if steps != self.clock.steps:
                raise ValueError(f"{name} has {steps} steps, not {self.clock.steps}")

    def window(self, first: int, steps: int) -> Self:
        """Return the `steps` steps that begin with step `first`.

        Raises
        ------
        ValueError
            If they are not all within the series.
        """
        end = first + steps
        if first < 0 or steps < 1 or end > self.clock.steps:
            raise ValueError(
                f"steps {first} to {end} are not within the series' {self.clock.steps}"
            )
        arrays = {name: getattr(self, name)[..., first:end] for name in _ARRAYS}
        return type(self)(clock=self.clock.window(first, steps), **arrays)


_ARRAYS = tuple(Series.__dataclass_fields__)[1:]


def assemble(
    clock: Clock,
    weather: Weather,
    day_ahead_dkk_per_kwh: FloatArray,
    imbalance_dkk_per_kwh: FloatArray,
    retail: RetailTariff,
    household_kw: FloatArray,
    *,
    latitude_deg: float,
    longitude_deg: float,
    tilt_deg: float,
    azimuth_deg: float,
    performance: float = 0.86,
) -> Series:
    """Bundle the series of a run, adding retail prices and the yield of PV."""
    return Series(
        clock=clock,
        ambient_c=weather.ambient_c,
        global_w_m2=weather.global_w_m2,
        day_ahead_dkk_per_kwh=day_ahead_dkk_per_kwh,
        import_dkk_per_kwh=tariff.import_dkk_per_kwh(
            day_ahead_dkk_per_kwh, clock, retail
        ),
        export_dkk_per_kwh=tariff.export_dkk_per_kwh(day_ahead_dkk_per_kwh, retail),
        imbalance_dkk_per_kwh=imbalance_dkk_per_kwh,
        pv_kw_per_kwp=solar.generation_kw_per_kwp(
            weather,
            clock,
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
            tilt_deg=tilt_deg,
            azimuth_deg=azimuth_deg,
            performance=performance,
        ),
        household_kw=household_kw,
    )
