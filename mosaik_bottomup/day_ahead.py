"""One step's negotiation without mosaik, the rehearsal of the coming day included.

The parties are the same objects as in the co-simulation, and so are their messages;
here a loop carries them instead of the simulator's kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mosaik_bottomup.coordination.aggregator import Aggregator
from mosaik_bottomup.coordination.system_operator import SystemOperator
from mosaik_bottomup.devices.agent import FleetAgent
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.messages import (
    AreaOffer,
    BidBook,
    CongestionPrices,
    Dispatch,
    StoreOffer,
    StoreReport,
)


@dataclass(frozen=True, slots=True, eq=False)
class Parties:
    """Everyone at the table."""

    fleets: Mapping[str, FleetAgent]
    aggregator_of: Mapping[str, str]
    """Name of each fleet's aggregator."""
    aggregators: Mapping[str, Aggregator]
    dso: SystemOperator


def negotiate(parties: Parties, step: int, now: Mapping[str, Outlook]) -> None:
    """Carry messages to and fro until nobody has anything left to say.

    Parameters
    ----------
    parties
        Changed in place: states, schedules, records.
    step
        Of the run.
    now
        What each fleet meets in this step.
    """
    said = {
        name: fleet.begin(step, now[name]) for name, fleet in parties.fleets.items()
    }
    while said:
        heard = _answers(parties, said)
        said = {}
        for name, message in heard.items():
            reply = parties.fleets[name].answer(message)
            if reply is not None:
                said[name] = reply


def _answers(
    parties: Parties, said: Mapping[str, StoreReport | BidBook]
) -> dict[str, CongestionPrices | Dispatch]:
    offers: dict[str, StoreOffer | AreaOffer] = {}
    heard: dict[str, CongestionPrices | Dispatch] = {}
    fleets_of: dict[str, dict[str, StoreReport | BidBook]] = {}
    for name, message in said.items():
        fleets_of.setdefault(parties.aggregator_of[name], {})[name] = message
    for name, messages in fleets_of.items():
        reply = parties.aggregators[name].hear_fleets(messages)
        if isinstance(reply, dict):
            heard |= reply
        else:
            offers[name] = reply
    for name, answer in (parties.dso.hear(offers) if offers else {}).items():
        passed = parties.aggregators[name].hear_dso(answer)
        if isinstance(passed, dict):
            heard |= passed
        else:
            heard |= dict.fromkeys(fleets_of[name], passed)
    return heard
