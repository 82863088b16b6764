import logging

import pytest
from pydantic import ValidationError

from aggregator.page.switch import Answered, Asked, ManagerSwitch, switch_content
from quote_core.errors import ProviderUnavailable

TOKEN = "t0p-s3cret-t0ken"


def test_a_token_is_not_in_what_is_printed_of_a_request_nor_in_what_is_said_of_a_wrong_one() -> None:
    asked = Asked(state="HALTED", reason="drill", token=TOKEN)  # type: ignore[arg-type]  # as it comes
    assert TOKEN not in repr(asked)
    for wrong in ({"state": "OFF"}, {"more": TOKEN}, {"token": TOKEN + "\n\u00e9"}, {"token": ["x", TOKEN]}):
        with pytest.raises(ValidationError) as caught:
            Asked.model_validate({"state": "HALTED", "token": TOKEN} | wrong)
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"token": ""}, {"token": "x" * 5_000}, {"reason": "x" * 501}, {"person": "x" * 101}])
def test_what_the_manager_would_cut_or_refuse_is_refused_here(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate({"state": "HALTED", "token": TOKEN} | wrong)


def test_only_a_release_names_rules_and_not_too_many() -> None:
    release = {"state": "ACTIVE", "token": TOKEN}
    assert Asked.model_validate(release | {"force": ["drawdown", "memory"]}).force == ("drawdown", "memory")
    for wrong in ({"state": "HALTED", "force": ["drawdown"]}, {"force": [""]}, {"force": ["x"] * 101}, {"force": "x"}):
        with pytest.raises(ValidationError) as caught:
            Asked.model_validate(release | wrong)
        assert TOKEN not in str(caught.value)


def test_a_latched_state_is_told_with_who_and_why() -> None:
    content = {
        "state": "HALTED",
        "reason": "drill",
        "actor": "person a",
        "trigger": "manual",
        "changedUnixNs": 7_000_000,
    }
    assert switch_content(Answered(200, content)) == {
        "state": "HALTED",
        "reason": "drill",
        "actor": "person a",
        "trigger": "manual",
        "changed_unix_ms": 7,
    }


def test_a_manager_that_does_not_vouch_leaves_the_state_unknown() -> None:
    told = switch_content(Answered(503, {"error": "nats: not connected; the bus has not confirmed", "errorCode": "X"}))
    assert told == {"state": "UNKNOWN", "reason": "nats: not connected; the bus has not confirmed"}
    assert switch_content(Answered(200, {}))["state"] == "UNKNOWN"


async def test_a_manager_that_is_not_there_is_an_error_that_names_its_address_and_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = Asked(state="HALTED", token=TOKEN)  # type: ignore[arg-type]  # as it comes
    with pytest.raises(ProviderUnavailable) as caught:
        await ManagerSwitch("127.0.0.1:1").change(asked)
    assert "127.0.0.1:1" in str(caught.value)
    assert TOKEN not in str(caught.value) + caplog.text
