from collections.abc import Iterator

import pytest

from tests.conformance.harness import CONFIGURATIONS, IS_ROOT, Configuration, Driver


def _driver(configuration: Configuration) -> Iterator[Driver]:
    configuration.check_requirements()
    with Driver(configuration) as driver:
        yield driver


@pytest.fixture(scope="session", params=CONFIGURATIONS, ids=lambda configuration: str(configuration.name))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """An evaluator in each of the configurations."""
    yield from _driver(request.param)


@pytest.fixture(scope="session")
def one_driver() -> Iterator[Driver]:
    """An evaluator in one configuration, for what does not depend on it."""
    yield from _driver(Configuration("own", "full", ("own",), as_user=not IS_ROOT))


@pytest.fixture(scope="session")
def numpy_driver() -> Iterator[Driver]:
    """An evaluator whose programs have numpy."""
    yield from _driver(Configuration("own-numpy", "full", ("own",), as_user=not IS_ROOT, needs_numpy=True))
