from __future__ import annotations

import pytest

from deploy.demo.scenario import MIN_EVENTS, Scenario, make_scenario


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return make_scenario(MIN_EVENTS + 2_000, seed=11)
