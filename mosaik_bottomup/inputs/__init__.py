"""Real input series: weather, PV, prices, tariffs and household load."""
