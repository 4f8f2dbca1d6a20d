"""Which power an aggregator can offer the TSO so that what is offered is delivered.

Offers are found by trial: the parties' state is copied, the activation is put on the
schedule, and the negotiation runs on, stage 2 and the homes' guards included. What
fails there is not offered.
"""
