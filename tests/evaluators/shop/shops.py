"""Hypothesis strategies for job shops."""

from hypothesis import strategies as st

from evaluators.shop.instance import JobShopInstance, job_shop


@st.composite
def job_shops(
    draw: st.DrawFn, max_jobs: int = 6, max_machines: int = 5, max_duration: int = 9
) -> JobShopInstance:
    """Small shops; short durations, 0 among them, make many things happen at the same time."""
    jobs, machines = draw(st.integers(1, max_jobs)), draw(st.integers(1, max_machines))
    duration_rows = st.lists(st.integers(0, max_duration), min_size=machines, max_size=machines)
    durations = draw(st.lists(duration_rows, min_size=jobs, max_size=jobs))
    order = draw(st.lists(st.permutations(range(machines)), min_size=jobs, max_size=jobs))
    return job_shop(durations, order)
