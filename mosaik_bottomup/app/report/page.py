"""Puts the page together: sections in order, each with what it can show."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from mosaik_bottomup.app.report import provenance
from mosaik_bottomup.app.report.aggregators import aggregators
from mosaik_bottomup.app.report.customers import customers
from mosaik_bottomup.app.report.figure import Figure
from mosaik_bottomup.app.report.flexibility import flexibility, kinds
from mosaik_bottomup.app.report.frontier import frontier
from mosaik_bottomup.app.report.headline import headline
from mosaik_bottomup.app.report.homes import homes
from mosaik_bottomup.app.report.loading import duration, loading
from mosaik_bottomup.app.report.network_map import network_map
from mosaik_bottomup.app.report.prices import prices
from mosaik_bottomup.app.report.runs import Evidence, Run, limit_name
from mosaik_bottomup.app.report.sources import gather
from mosaik_bottomup.app.report.style import REFERENCE, look
from mosaik_bottomup.app.report.tables import (
    Table,
    certificates,
    comparisons,
    everything,
    merit,
    promises,
)

NO_REFERENCE = (
    "This needs the price-only run of the same seed beside the others; name its file, "
    "too, or a folder that `mosaik-bottomup compare` made."
)
NOT_ENDED = "This needs a run that ended well in the foreground."
NO_HEAT_PUMPS = "No home of this scenario has a heat pump."
NO_SCHEDULES = "This scenario has no aggregators."
NO_PRICES = "Nobody published a congestion price in this run."


@dataclass(frozen=True, slots=True)
class Section:
    """One question, its pictures and tables, or why there are none."""

    name: str
    heading: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    left_out: str = ""


def write_report(paths: Sequence[Path], out: Path) -> Evidence:
    """Write one self-contained page about results files and folders with evidence.

    Parameters
    ----------
    paths
        What it is about.
    out
        The page. What stands there is replaced, in one move; if anything fails, it is
        left as it was.

    Raises
    ------
    InputError
        If something is wrong with what `paths` name.
    OSError
        If the page cannot be written there.
    """
    evidence = gather(paths)
    write_page(page(evidence, paths, out), out)
    return evidence


def write_page(text: str, out: Path) -> None:
    """Put a page in place in one move, or leave what stands there as it is."""
    unfinished = out.with_name(out.name + ".part")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def page(evidence: Evidence, paths: Sequence[Path], out: Path) -> str:
    """Return the page; `out` is where its own command would write it."""
    shown = sections(evidence)
    main = evidence.main
    return rendered(
        "page.html",
        shown,
        cards=headline(evidence),
        evidence=evidence,
        main=main,
        several=len(evidence.limits) > 1,
        limit=limit_name(evidence.shown_limit),
        unfinished=[run for run in evidence.runs if not run.results.complete],
        failed=[
            (heading, those)
            for heading, infeasible in (
                ("Runs that failed", False),
                ("Limits that nobody can keep", True),
            )
            if (those := [f for f in evidence.failures if f.infeasible == infeasible])
        ],
        strategies=[(name, look(name)) for name in evidence.strategies],
        facts=provenance.facts(evidence),
        synthetic=provenance.synthetic(main.results),
        versions=provenance.versions(main.results),
        commands=provenance.commands(evidence, paths, out),
        scenario=str(main.results.attrs["scenario"]),
    )


def rendered(template: str, sections: Sequence[Section], **values: object) -> str:
    """Fill in a template: sections, and what every page has."""
    package = files("mosaik_bottomup.app.report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mosaik_bottomup.app.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = {
        figure.name: figure.data() for section in sections for figure in section.figures
    }
    return environment.get_template(template).render(
        style=(package / "page.css").read_text("utf-8"),
        script=(package / "page.js").read_text("utf-8"),
        plotly=get_plotlyjs(),
        figures=_inline_json(figures),
        sections=sections,
        made_with=provenance.made_with(),
        **values,
    )


def sections(evidence: Evidence) -> list[Section]:
    """Return the page's questions in order, each with what there is to show."""
    main = evidence.main
    reference = evidence.reference(main) if main.strategy != REFERENCE else None
    pair = [run for run in (reference, main) if run]
    lacking = NO_REFERENCE if main.results.complete else NOT_ENDED
    areas = range(len(main.results.entities["areas"]))
    return [
        _section("frontier", "What a lower peak costs", frontier(evidence), lacking),
        Section(
            "comparison",
            "Strategies compared",
            tables=(*comparisons(evidence), everything(evidence)),
        ),
        Section(
            "loading",
            "Transformers over the day",
            (loading(evidence), duration(evidence)),
        ),
        _flexibility(main, reference),
        _section("homes", "Comfort in the homes", homes(pair), NO_HEAT_PUMPS),
        _section("aggregators", "Aggregators", aggregators(main), NO_SCHEDULES),
        _section("prices", "Congestion prices", prices(main), NO_PRICES),
        _section("customers", "Who pays", customers(evidence), lacking),
        Section(
            "network",
            "Network",
            tuple(network_map(pair, row) for row in areas),
            left_out="" if reference else f"Only {main.label} is drawn. {NO_REFERENCE}",
        ),
        Section(
            "certificates",
            "Certificates",
            tables=tuple(
                [promises(main), certificates(evidence)]
                if main.results.complete
                else [certificates(evidence)]
            ),
        ),
    ]


def _section(name: str, heading: str, figure: Figure | None, left_out: str) -> Section:
    if figure is None:
        return Section(name, heading, left_out=left_out)
    return Section(name, heading, (figure,))


def _flexibility(main: Run, reference: Run | None) -> Section:
    heading = "Where the flexibility came from"
    if reference is None:
        return Section("flexibility", heading, left_out=NO_REFERENCE)
    found = kinds(main.results, reference.results)
    return Section(
        "flexibility",
        heading,
        (flexibility(main, reference, found),),
        (merit(found),) if main.results.complete else (),
    )


def _inline_json(data: object) -> str:
    """Return JSON that no browser takes for the end of a script."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")
