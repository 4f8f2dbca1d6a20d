"""Aggregators and DSO: merit orders, the two stages, dispatch and look-ahead.

Never imports ``devices``: what a party may know of a home is what a message says.
"""
