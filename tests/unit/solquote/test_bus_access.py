import pytest

from quote_core.bus import BusRole
from quote_core.bus.permissions import GRANTS, permissions_of
from quote_core.events.subjects import covers
from solquote.bus_access import Allowed, may_publish, wrong_rights


@pytest.mark.parametrize(
    ("pattern", "subject", "is_covered"),
    [
        ("plan.*", "plan.SOL-USDC", True),
        ("plan.*", "plan.a.b", False),
        ("plan.>", "plan.a.b", True),
        ("plan.>", "plan", False),
        (">", "system.kill_switch", True),
        ("plan.*", "plan.>", False),
        ("plan.>", "plan.>", True),
        ("system.kill_switch", "system.kill", False),
    ],
)
def test_a_pattern_covers_what_the_server_would_match(pattern: str, subject: str, is_covered: bool):
    assert covers(pattern, subject) is is_covered


def test_nothing_allowed_by_name_is_everything_that_is_not_denied():
    assert may_publish(Allowed(), "plan.x")
    assert not may_publish(Allowed(deny=("plan.>",)), "plan.x")
    assert not may_publish(Allowed(allow=("system.stop",)), "plan.x")


def test_the_permissions_of_the_table_give_nobody_what_is_another_s():
    assert wrong_rights((grant.role, Allowed(permissions_of(grant).publish)) for grant in GRANTS) == []


def test_one_user_for_all_is_told_with_everything_it_may_do():
    sentences = wrong_rights([(BusRole.SCANNER, Allowed()), (BusRole.PLANNER, Allowed())])
    assert "a release of the kill switch can be published as scanner, planner" in sentences
    assert "a plan can be published as scanner" in sentences
