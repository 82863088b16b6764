from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, Field

from quote_core.settings import Duration, SecretStr, ServiceSettings
from solquote.processes import all_models
from solquote.settings_reference import SettingReference, reference, reference_markdown

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


class Demo(ServiceSettings):
    section: ClassVar[str] = "demo"

    interval: Duration = Field("30s", validation_alias=AliasChoices("interval", "DEMO_EVERY"), description="How often")
    token: SecretStr = Field(SecretStr("hunter2"), description="A | secret")
    amounts: tuple[int, ...] = Field((1, 2), description="Amounts")


def test_a_setting_is_told_with_all_its_names_and_its_default_as_written():
    interval, token, amounts = reference([Demo])
    assert interval == SettingReference(
        section="demo",
        field="interval",
        variable="SOLQUOTE_DEMO_INTERVAL",
        aliases=("DEMO_EVERY",),
        default="30s",
        description="How often",
    )
    assert (token.default, amounts.default) == ("", "1,2")


def test_the_page_is_a_table_a_section():
    page = reference_markdown([Demo])
    assert "| interval | `SOLQUOTE_DEMO_INTERVAL`, `DEMO_EVERY` | `30s` | How often |" in page
    assert "| token | `SOLQUOTE_DEMO_TOKEN` | unset | A \\| secret |" in page


def test_every_setting_has_a_meaning():
    assert [setting.variable for setting in reference(all_models()) if not setting.description] == []


def test_the_page_in_docs_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference_markdown(all_models()), "run `make generate`"
