"""mosaik adapter for the results file: what everybody says of a step, in one place.

Event-based, and to stand outside the group of those who negotiate, so that it sees the
end of the loop only. Connect to it the `record` of every fleet, aggregator, the
operator, the grid, the market and the households. Where the scenario keeps areas only,
it adds up all that is said of single sites, homes, buses and lines. After the last step
it checks the file against what was promised, and seals it with the certificate.
"""

from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.dso import OPERATOR
from mosaik_components.bottomup.ports import senders
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup import inventory
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.certificate import certify
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.grid.power_flow import area_sums
from mosaik_bottomup.metrics.by_area import AreaSeries
from mosaik_bottomup.results import ResultsWriter, read, seal
from mosaik_bottomup.settlement import derived_group
from mosaik_bottomup.settlement import settle as settled_accounts

RESULTS = "Results"
ALONE = ("Market", "Households", OPERATOR, "Grid")
"""Those of whom there is one, by entity id; each fills its groups alone."""
METER_TOLERANCE_KW = 1e-6
"""Forgives the rounding of sums and of the way by MW."""
MS_PER_S = 1e3
META: Meta = {
    "api_version": "3.0",
    "type": "event-based",
    "models": {
        RESULTS: {"public": True, "params": [], "attrs": ["record", "steps_done"]}
    },
}

type Groups = dict[str, dict[str, Any]]


class Simulator(mosaik_api_v3.Simulator):
    """The results file of one run."""

    CARRIES: ClassVar[tuple[str, ...]] = ("_step_times_ms", "_lasted_s")
    _setting: Setting
    _lasted_s = 0.0
    """How long the run took up to its last checkpoint."""

    def __init__(self) -> None:
        super().__init__(META)
        self._writer: ResultsWriter | None = None
        self._step_times_ms: list[float] = []

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        out: str = "results/results.h5",
        overwrite: bool = False,
        others: bool = False,
        checkpoints: dict[str, Any] | None = None,
    ) -> Meta:
        self._began_s, self._sid = perf_counter(), sid
        self._setting = settle(scenario, time_resolution, step_size, checkpoints)
        self._out, self._overwrite, self._others = Path(out), overwrite, others
        if self._out.exists() and not overwrite:
            raise FileExistsError(f"{out} exists and is not overwritten")
        case = self._setting.case
        self._places = inventory.places(case)
        self._sizes = {
            group: len(names) for group, names in inventory.all_entities(case).items()
        }
        self._reduce: AreaSeries | None = None
        self._home = {
            kind: inventory.site_column(case, kind, "home") for kind in inventory.KINDS
        }
        self._aggregator = {
            kind: inventory.site_column(case, kind, "aggregator")
            for kind in inventory.KINDS
        }
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        if num != 1:
            raise ValueError("there is one file only")
        return [{"eid": RESULTS, "type": model}]

    def setup_done(self) -> None:
        self._setting.checkpoints.take_up(self._sid, {"simulator": self})
        self._began_s -= self._lasted_s
        self._last_s = perf_counter()

    def step(self, time: int, inputs: InputData, max_advance: int) -> None:
        step = self._setting.step(time)
        self._keep(step)
        records = self._by_party(step, senders(inputs, RESULTS, "record"))
        groups = self._gathered(step, records)
        self._add_sums(step, groups, np.array(records["Grid"]["meters_kw"]))
        if self._writer is None:
            self._writer = self._open(records)
        kept = groups if self._reduce is None else self._reduce.keep(groups)
        self._writer.append(kept)
        now_s = perf_counter()
        self._step_times_ms.append((now_s - self._last_s) * MS_PER_S)
        self._last_s = now_s
        if step + 1 == self._setting.case.scenario.run.steps:
            self._seal()

    def _keep(self, step: int) -> None:
        """Complete the checkpoint of a step that everybody else has begun."""
        checkpoints = self._setting.checkpoints
        if self._writer is not None and checkpoints.is_due(step):
            self._writer.sync()
            self._lasted_s = perf_counter() - self._began_s
            checkpoints.keep(self._sid, step, {"simulator": self})
            checkpoints.complete(step)

    def get_data(self, outputs: OutputRequest) -> OutputData:
        done = {"steps_done": len(self._step_times_ms)}
        return {eid: done for eid, attrs in outputs.items() if "steps_done" in attrs}

    def finalize(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _by_party(
        self, step: int, said: dict[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Return the records by entity id; all must be there, and of this step."""
        records = {full_id.partition(".")[2]: it for full_id, it in said.items()}
        expected = {*ALONE, *self._places}
        late = sorted(name for name, it in records.items() if it["step"] != step)
        lacking = sorted(expected - records.keys())
        if lacking or late or len(records) != len(said):
            raise InvariantError(
                f"step {step}: no record from {', '.join(lacking or late)}: not "
                "connected to the recorder, or its messages were not all answered"
            )
        unknown = sorted(records.keys() - expected)
        if unknown:
            raise InvariantError(f"step {step}: records from {', '.join(unknown)}")
        return records

    def _gathered(self, step: int, records: dict[str, dict[str, Any]]) -> Groups:
        groups: Groups = {}
        for name in ALONE:
            for group, table in records[name]["groups"].items():
                groups[group] = {
                    key: np.array(values, dtype=float) for key, values in table.items()
                }
        for name, places in self._places.items():
            for place in places:
                table = records[name]["groups"][place.group]
                target = groups.setdefault(place.group, {})
                for key, values in table.items():
                    if key not in target:
                        target[key] = np.full(self._sizes[place.group], np.nan)
                    target[key][place.rows] = np.array(values, dtype=float)
        counted = np.zeros((len(inventory.LINKS), 2))
        passed_bytes = np.zeros(len(inventory.LINKS))
        for record in records.values():
            for link, size in record.get("payload_bytes", {}).items():
                passed_bytes[inventory.LINKS.index(link)] += size
            for link, numbers in record.get("messages", {}).items():
                counted[inventory.LINKS.index(link)] += numbers
        if (counted[:, 0] != counted[:, 1]).any():
            raise InvariantError(f"step {step}: not all messages were answered")
        groups["messages"] = {
            "sent": counted[:, 0],
            "answered": counted[:, 1],
            "payload_bytes": passed_bytes,
        }
        return groups

    def _add_sums(self, step: int, groups: Groups, meters_kw: FloatArray) -> None:
        """Add what follows from others, and check the homes' meters by it."""
        network = self._setting.case.network
        flexible_kw = np.zeros(meters_kw.size)
        delivered_kw = np.zeros(self._sizes["aggregators"])
        for kind in inventory.KINDS:
            if kind in groups:
                power_kw = groups[kind]["power_kw"]
                np.add.at(flexible_kw, self._home[kind], power_kw)
                np.add.at(delivered_kw, self._aggregator[kind], power_kw)
        households_kw = groups["households"]["power_kw"]
        other_kw = meters_kw - flexible_kw - households_kw
        if self._others:
            households_kw += other_kw
        elif not np.abs(other_kw).max() <= METER_TOLERANCE_KW:
            home = int(np.abs(other_kw).argmax())
            raise InvariantError(
                f"step {step}: the meter of {network.home_names[home]} reads "
                f"{other_kw[home]:g} kW more than its household and its site take: "
                "one is connected twice, or not at all, or a simulator of somebody "
                "else's is; for the latter start the recorder with others=True"
            )

        groups["areas"]["uncontrolled_kw"] = area_sums(network, households_kw)
        groups["areas"]["flexible_kw"] = area_sums(network, flexible_kw)
        aggregators = groups["aggregators"]
        aggregators["delivered_kw"] = delivered_kw
        aggregators["activation_delivered_kw"] = np.where(
            aggregators["activation_ordered_kw"] == 0,
            0.0,
            delivered_kw - aggregators["schedule_kw"],
        )

    def _open(self, records: dict[str, dict[str, Any]]) -> ResultsWriter:
        case, first = self._setting.case, self._setting.checkpoints.first
        flush_every = case.scenario.results.flush_every_steps
        if first:
            return ResultsWriter.resume(self._out, first, flush_every)
        start: Groups = {kind: {} for kind in inventory.KINDS}
        for kind in inventory.KINDS:
            parts = [
                records[fleet.name]["start"] for fleet in inventory.of_kind(case, kind)
            ]
            for key in parts[0] if parts else ():
                start[kind][key] = np.concatenate([part[key] for part in parts])
        run = case.scenario.run
        if not inventory.keeps_sites(case):
            static = inventory.all_static(case, start)
            self._reduce = AreaSeries(static, len(case.network.areas), run.step_h)
        return ResultsWriter(
            self._out,
            inventory.attributes(case),
            case.scenario.start_utc(),
            run.step_s,
            run.steps,
            inventory.entities(case),
            inventory.static(case, start),
            flush_every,
            self._overwrite,
        )

    def _seal(self) -> None:
        assert self._writer is not None
        self._writer.close()
        certificate = certify(self._out)
        held = read(self._out)
        # a ledger has an account for every home
        ledger = derived_group(settled_accounts(held)) if held.keeps_sites else {}
        wall_time_s = perf_counter() - self._began_s
        seal(self._out, certificate, wall_time_s, self._step_times_ms, ledger)


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.recorder ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Results file of a run", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
