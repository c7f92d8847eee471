"""Small random markets and jobs for property tests."""

import numpy as np
from hypothesis import strategies as st

from evaluators.cloud.spot import Job, Market

GAP = 10


@st.composite
def markets(draw: st.DrawFn, ticks: int, regions: int = 1) -> Market:
    rows = [draw(st.lists(st.booleans(), min_size=ticks, max_size=ticks)) for _ in range(regions)]
    price = st.sampled_from([0.5, 0.9, 1.0, 2.0])
    if regions == 1:
        prices = [[draw(price)] * ticks]
    else:
        prices = [draw(st.lists(price, min_size=ticks, max_size=ticks)) for _ in range(regions)]
    return Market(GAP, np.array(rows), np.array(prices), 3.0)


@st.composite
def jobs(draw: st.DrawFn, ticks: int) -> Job:
    """A job that can be done on demand, and whose deadline the market outlasts by at least a tick."""
    overhead = draw(st.sampled_from([0, 1, 4, 5, 10, 13, 20, 27]))
    most = (ticks - 2) * GAP
    duration = draw(st.integers(1, max(1, most - overhead)))
    deadline = -(-(duration + overhead) // GAP) * GAP + draw(st.integers(0, most))
    return Job(duration, min(deadline, most + GAP - 1), overhead)
