"""What a fleet knows of the steps ahead, or of the one that has come."""

from dataclasses import dataclass

from mosaik_bottomup.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """Weather, prices and loads of ``t`` steps, for a fleet of ``n`` sites."""

    ambient_c: FloatArray
    """Shape ``(t,)``."""
    global_w_m2: FloatArray
    """Global horizontal irradiance, shape ``(t,)``."""
    import_dkk_per_kwh: FloatArray
    """Retail price of energy drawn, shape ``(t,)``."""
    export_dkk_per_kwh: FloatArray
    """Price of energy fed in, shape ``(t,)``."""
    pv_kw_per_kwp: FloatArray
    """Shape ``(t,)``."""
    load_kw: FloatArray
    """Household load of the sites, shape ``(n, t)``."""

    @property
    def steps(self) -> int:
        """How many steps it covers."""
        return int(self.ambient_c.size)

    def only(self, first: int, steps: int) -> "Outlook":
        """Return the part of ``steps`` steps from step ``first`` on."""
        part = slice(first, first + steps)
        return Outlook(
            self.ambient_c[part],
            self.global_w_m2[part],
            self.import_dkk_per_kwh[part],
            self.export_dkk_per_kwh[part],
            self.pv_kw_per_kwp[part],
            self.load_kw[:, part],
        )


@dataclass(frozen=True, slots=True)
class PlanningRules:
    """How far and how carefully sites plan."""

    step_h: float
    replan_steps: int
    """A plan is made anew after so many steps."""
    guard_steps: int
    """Horizon of the comfort guard."""
    run_steps: int = 1
    """Least number of steps a compressor stays on, or off."""
    band_up_k: float = 1.7
    """How far the look-ahead's store may be filled above what the comfort band allows
    at rest: a floor being charged gives its heat to the air only later."""
    band_margin_k: float = 0.02
    """How far plans and store stay above the band's lower edge."""
    guard_margin_k: float = 0.0
    """How far inside the comfort band the guard stays, for weather that turns out
    worse than foreseen."""
    curtails_at_negative_price: bool = False
    """Whether a home gives up PV of its own accord where feeding it in costs money."""
