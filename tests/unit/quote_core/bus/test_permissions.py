from pathlib import Path

from quote_core.bus.permissions import GRANTS, BusRole, permissions_of
from quote_core.events import KILL_SWITCH_HEARTBEAT, Stream
from quote_core.events.subjects import covers

PAGE = Path(__file__).parents[4] / "docs" / "pipeline.md"
WRITERS = {
    "system.kill_switch": {BusRole.SYSTEM_MANAGER},
    KILL_SWITCH_HEARTBEAT: {BusRole.SYSTEM_MANAGER},
    "system.stop": {BusRole.SYSTEM_MANAGER, BusRole.SCANNER, BusRole.PLANNER, BusRole.EXECUTOR, BusRole.OPERATOR},
    "plan.SOL-USDC": {BusRole.PLANNER},
    "executed.SOL-USDC.00": {BusRole.EXECUTOR},
    "claim.00": {BusRole.EXECUTOR},
    "opportunity.price_divergence.SOL-USDC": {BusRole.SCANNER},
    "opportunity.triangular.SOL-USDC-JitoSOL": {BusRole.SCANNER},
    "opportunity.source_divergence.SOL-USDC": {BusRole.SCANNER},
    "metrics.pnl": {BusRole.AUDITOR},
    "market.slot": {BusRole.LOCAL_QUOTE},
    "market.liquidity.SOL-USDC.pool": {BusRole.LOCAL_QUOTE},
    "market.anything": set(),
    "system.lifecycle.local_quote": set(),
    "metrics.health.local_quote": {BusRole.SYSTEM_MANAGER},
    "metrics.health.page": {BusRole.SYSTEM_MANAGER},
    "system.lifecycle.page": set(),
    "dead.PLANNED.executor": {BusRole.EXECUTOR},
    "$JS.API.STREAM.DELETE.SYSTEM": set(),
    "$JS.API.STREAM.PURGE.SYSTEM": set(),
    "$JS.API.STREAM.MSG.DELETE.SYSTEM": set(),
    "$JS.API.CONSUMER.DELETE.PLANNED.executor": set(),
    "$SYS.REQ.SERVER.PING": set(),
}


def test_each_subject_has_the_writers_it_is_meant_to_have():
    writers = {
        subject: {
            grant.role for grant in GRANTS if any(covers(pattern, subject) for pattern in permissions_of(grant).publish)
        }
        for subject in WRITERS
    }
    assert writers == WRITERS


def test_every_role_has_one_row_and_listens_to_its_own_answers_only():
    assert sorted(grant.role for grant in GRANTS) == sorted(BusRole)
    for grant in GRANTS:
        inboxes = [subject for subject in permissions_of(grant).subscribe if subject.startswith("_INBOX")]
        assert inboxes == [f"_INBOX_{grant.role}.>"]


def test_nobody_may_publish_or_hear_everything():
    for grant in GRANTS:
        permissions = permissions_of(grant)
        assert not {">", "*.>", "$JS.API.>", "system.>", "_INBOX.>"} & {*permissions.publish, *permissions.subscribe}


def test_the_page_for_operators_has_the_permissions_as_they_are():
    page = PAGE.read_text(encoding="utf-8")
    for grant in GRANTS:
        row = next(line for line in page.splitlines() if line.startswith(f"| {grant.role} "))
        assert all(f"`{subject}`" in row for subject in grant.writes), grant.role
        streams = {str(stream) for stream in (*grant.looks_up, *grant.pulls, *grant.follows)}
        told = {str(stream) for stream in Stream} if "every stream" in row else {s for s in Stream if f" {s}" in row}
        assert streams == told, grant.role
