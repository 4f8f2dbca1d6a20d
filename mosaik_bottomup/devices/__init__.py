"""Sites: the physics of houses, heat pumps and batteries, their comfort, their bids.

Every module works on fleets: arrays with one row per site, axis order (site, time).
"""
