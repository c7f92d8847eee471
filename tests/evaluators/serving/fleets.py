"""Small fleets for tests, drawn by hypothesis."""

from hypothesis import assume
from hypothesis import strategies as st

from evaluators.serving.model_placement import Fleet, Model


@st.composite
def fleets(draw: st.DrawFn, most_models: int = 7) -> Fleet:
    """Fleets of up to four GPUs; whole numbers, so that models are alike at times, or any."""
    gpus = draw(st.integers(1, 4))
    whole = draw(st.booleans())
    sizes = st.integers(1, 40).map(float) if whole else st.floats(0.5, 60.0)
    rates = st.integers(1, 9).map(float) if whole else st.floats(0.01, 50.0)
    slos = st.sampled_from((2.0, 5.0, 9.0))
    models = tuple(
        Model(draw(sizes), draw(rates), draw(slos)) for _ in range(draw(st.integers(1, most_models)))
    )
    assume(sum(model.size for model in models) < gpus * 80.0)
    return Fleet(gpus, 80.0, models)


def fleet(gpus: int, *models: tuple[float, float, float], memory: float = 80.0) -> Fleet:
    """A fleet of models given as (size, rate, objective)."""
    return Fleet(gpus, memory, tuple(Model(*model) for model in models))
