"""Who pays whom for what a run has done, computed from its results file alone.

The parties and what they owe each other, in every step:

* A *customer* is a home. It pays the *retailer* for all it takes, by the tariff, and is
  paid for what a PV/battery home feeds in. Battery wear is its own, paid to an account
  that nobody holds (*battery wear*), so that its account is what it says it costs.
* The *retailer* makes one bill of everything and passes on what is not its own: the
  grid tariff to the *DSO*, the transmission tariff to the *TSO*, tax and VAT to the
  *state*, and the spot part, net energy times day-ahead price. What remains with it is
  its margin.
* An *aggregator* is balance responsible for the meters of its sites: it gets their spot
  part from the retailer, and buys on the *market* what it has sold as its schedule, at
  the day-ahead price; what was re-traded intraday at that price and the cost of
  trading. What was delivered beside the schedule it settles with the TSO at the single
  imbalance price, and if the DSO has checked that schedule pays it a fee for it.
  Where nothing was sold, what was delivered counts as bought day-ahead.
* An activation is settled at the imbalance price too, what was ordered and what the DSO
  vetoed of it each under its own heading. What a veto takes away is paid for by nobody
  and nobody's imbalance; the DSO owes nothing for it. The aggregator pays each home
  what the activation cost it, by its own bid, and keeps the rest. For the battery band
  the TSO pays a price by kW and hour, all of it handed on.
* For the uncontrolled load the retailer is balance responsible itself, and for the
  losses the DSO; both are taken to buy what is metered, day-ahead. So all energy at the
  transformers is bought by somebody, once.
* For congestion the DSO pays by one of three rules (:data:`~.congestion.RULES`) through
  the aggregator to the customers.

Every amount is booked once as a payment between two parties; so the sum over all
parties is zero under each heading, in every step. Received is positive.
"""

from mosaik_bottomup.settlement.book import HEADINGS, Ledger
from mosaik_bottomup.settlement.comparison import Outcome, outcome
from mosaik_bottomup.settlement.congestion import RULES, Rule
from mosaik_bottomup.settlement.settle import derived_group, recorded, settle

__all__ = [
    "HEADINGS",
    "RULES",
    "Ledger",
    "Outcome",
    "Rule",
    "derived_group",
    "outcome",
    "recorded",
    "settle",
]
