from importlib import resources
from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, Field

from quote_core.settings import Duration, SecretStr, ServiceSettings
from solquote.setting_models import all_models, reference_of
from solquote.settings_reference import SettingReference, listing, reference, reference_markdown, reference_toml

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


class Demo(ServiceSettings):
    section: ClassVar[str] = "demo"

    interval: Duration = Field("30s", validation_alias=AliasChoices("interval", "DEMO_EVERY"), description="How often")
    token: SecretStr = Field(SecretStr("hunter2"), description="A | secret")
    amounts: tuple[int, ...] = Field((1, 2), description="Amounts")


def test_a_setting_is_told_with_all_its_names_and_its_default_as_written():
    interval, token, amounts = reference_of([Demo])
    assert interval == SettingReference(
        section="demo",
        field="interval",
        variable="SOLQUOTE_DEMO_INTERVAL",
        aliases=("DEMO_EVERY",),
        default="30s",
        toml='"30s"',
        description="How often",
    )
    assert (token.default, amounts.default) == ("", "1,2")
    assert (token.toml, amounts.toml) == ("", "[1, 2]")


def test_the_page_is_a_table_a_section():
    page = reference_markdown(reference_of([Demo]))
    assert "| interval | `SOLQUOTE_DEMO_INTERVAL`, `DEMO_EVERY` | `30s` | How often |" in page
    assert "| token | `SOLQUOTE_DEMO_TOKEN` | unset | A \\| secret |" in page


def test_the_file_has_every_setting_below_its_section_and_changes_nothing(tmp_path: Path):
    path = tmp_path / "settings.toml"
    path.write_text(reference_toml(reference()))
    for model in all_models():
        assert model.load(environ={"SOLQUOTE_CONFIG": str(path)}) == model()


def test_uncommented_the_file_sets_everything_to_what_it_is_anyway(tmp_path: Path):
    path = tmp_path / "settings.toml"
    lines = reference_toml(reference()).splitlines()
    path.write_text("\n".join(line.removeprefix("#") for line in lines))
    for model in all_models():
        loaded, default = model.load(environ={"SOLQUOTE_CONFIG": str(path)}), model()
        assert loaded.model_fields_set == set(model.model_fields)
        for field, info in model.model_fields.items():
            if info.default is not None:
                assert getattr(loaded, field) == getattr(default, field), f"[{model.section}] {field}"


def test_a_secret_is_not_written_into_the_file():
    assert "hunter2" not in reference_toml(reference_of([Demo]))
    assert '#interval = "30s"\n## A | secret (not set)\n#token = "..."' in reference_toml(reference_of([Demo]))


def test_every_setting_has_a_meaning():
    assert [setting.variable for setting in reference() if not setting.description] == []


def test_the_list_in_the_package_is_current():
    path = resources.files("quote_core") / "data" / "settings.json"
    assert path.read_text(encoding="utf-8") == listing(reference_of(all_models())), "run `make generate`"


def test_the_page_in_docs_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference_markdown(reference()), "run `make generate`"
