"""What the transmission system operator orders in a scenario, and when it is known."""

from pathlib import Path

from mosaik_bottomup.case.fleets import aggregator_names
from mosaik_bottomup.inputs import orders
from mosaik_bottomup.messages import Activation
from mosaik_bottomup.scenario import Scenario


def activations(scenario: Scenario) -> list[tuple[str, Activation]]:
    """Return all that is ordered in a run, each with the aggregator it is for.

    Raises
    ------
    InputError
        If the file of orders cannot be used.
    """
    frame, section = order_frame(scenario), scenario.activations
    all_orders = [orders.Order(**order.model_dump()) for order in section.orders]
    if section.file:
        all_orders += orders.read_csv(Path(section.file), frame)
    return [
        (order.aggregator, orders.activation(order, number, frame))
        for number, order in enumerate(all_orders, start=1)
    ]


def order_frame(scenario: Scenario) -> orders.Frame:
    """Return the run that orders of the transmission system operator must fit into."""
    run = scenario.run
    return orders.Frame(
        aggregator_names(scenario),
        scenario.grid.area_names,
        run.start,
        run.step_s,
        run.steps,
    )


def notice_steps(scenario: Scenario) -> int:
    """Return how many whole steps before its start an order becomes known.

    A notice that is no whole number of steps is heard in the first step it reaches, so
    that nobody knows of an order sooner.
    """
    notice_s = scenario.activations.notice_min * orders.SECONDS_PER_MINUTE
    return int(notice_s // scenario.run.step_s)
