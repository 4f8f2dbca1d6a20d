"""Which power an aggregator can offer the TSO so that what is offered is delivered.

Offers are found by trial before gate closure: a copy of the parties goes on as the
future is foreseen, and in adverse courses of it; the activation is ordered, and the
negotiation runs on, stage 2 and the homes' guards included. What fails there is not
offered. Whether it held is seen on what really comes.
"""
