"""Measurements that several test files compare."""

import pytest
from tests.evals.measured_agents import measure

from mirrormatch import agents
from mirrormatch.evals.measurement import Measurement


@pytest.fixture(scope="session")
def by_random() -> Measurement:
    return measure(agents.get("random"))


@pytest.fixture(scope="session")
def by_optimal() -> Measurement:
    return measure(agents.get("optimal"))
