"""Who takes part in a case: fleets, aggregators and the DSO, ready to negotiate."""

from mosaik_bottomup.parties.aggregators import aggregator as aggregator
from mosaik_bottomup.parties.fleets import fleet_agent as fleet_agent
from mosaik_bottomup.parties.fleets import fleet_forecast as fleet_forecast
from mosaik_bottomup.parties.fleets import outlook as outlook
from mosaik_bottomup.parties.operators import fit_headroom as fit_headroom
from mosaik_bottomup.parties.operators import system_operator as system_operator
from mosaik_bottomup.parties.rules import calendar as calendar
from mosaik_bottomup.parties.rules import deviation_fee as deviation_fee
from mosaik_bottomup.parties.rules import imbalance as imbalance
from mosaik_bottomup.parties.rules import solver as solver
from mosaik_bottomup.parties.strategies import STRATEGIES as STRATEGIES
