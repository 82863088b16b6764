"""A plan that passes every guard, for tests to change."""

import pytest
from fakes.plans import plan as make_plan

from quote_core.events import ExecutionPlan


@pytest.fixture
def plan() -> ExecutionPlan:
    return make_plan()
