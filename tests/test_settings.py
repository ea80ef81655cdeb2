"""Read the settings: command line, environment, file, defaults; name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from adapter import settings
from adapter.errors import InvalidSettings
from adapter.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"SCREENPOP_{name.upper()}", raising=False)
    monkeypatch.delenv("SCREENPOP_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "screenpop.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def test_without_anything_the_defaults_count() -> None:
    found = settings.load()
    assert (found.host, found.port, found.durability) == ("127.0.0.1", 8000, "process")
    assert found.database_url == str(Path("screenpop-data") / "screenpop.db")
    assert set(settings.origins().values()) == {"default"}


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write('port = 1111\nhost = "10.0.0.1"\nretention_days = 3\n')
    monkeypatch.setenv("SCREENPOP_PORT", "2222")
    monkeypatch.setenv("SCREENPOP_HOST", "10.0.0.2")
    found = settings.load(host="10.0.0.3", port=None)
    assert (found.host, found.port, found.retention_days) == ("10.0.0.3", 2222, 3)
    origins = settings.origins(host="10.0.0.3", port=None)
    assert origins["host"] == "command line"
    assert origins["port"] == "SCREENPOP_PORT"
    assert origins["retention_days"] == "screenpop.toml"
    assert origins["log_level"] == "default"


def test_the_file_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1\n")
    named = write("port = 2\n", "other.toml")
    monkeypatch.setenv("SCREENPOP_CONFIG", str(named))
    assert settings.load().port == 2
    assert settings.origins()["port"] == "other.toml"


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCREENPOP_CONFIG", "missing.toml")
    with pytest.raises(InvalidSettings, match=r"missing\.toml"):
        settings.load()


def test_a_file_that_is_no_toml_is_named() -> None:
    write("port = \n")
    with pytest.raises(InvalidSettings, match=r"screenpop\.toml"):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "65536"),
        ("port", ""),
        ("durability", "always"),
        ("public_url", "example.com"),
        ("public_url", "https://example.com/path"),
        ("body_limit", "0"),
        ("retention_days", "-1"),
        ("retention_days", "99999999999999999999"),
        ("session_hours", "inf"),
        ("portal_idle_minutes", "1e30"),
        ("rate_limit", "many"),
        ("allow_loopback", "perhaps"),
        ("locale", "fr"),
        ("log_level", "loud"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SCREENPOP_{name.upper()}", value)
    with pytest.raises(InvalidSettings) as refused:
        settings.load()
    assert [place.at for place in refused.value.places] == [f"SCREENPOP_{name.upper()}"]


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCREENPOP_PORT", "x")
    monkeypatch.setenv("SCREENPOP_LOCALE", "x")
    write('log_level = "x"\nunheard_of = 1\n')
    with pytest.raises(InvalidSettings) as refused:
        settings.load()
    assert {place.at for place in refused.value.places} == {
        "SCREENPOP_PORT",
        "SCREENPOP_LOCALE",
        "SCREENPOP_LOG_LEVEL",
        "SCREENPOP_UNHEARD_OF",
    }


def test_a_secret_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "do-not-show-this-key"
    monkeypatch.setenv("SCREENPOP_SECRET_KEY", secret)
    found = settings.load()
    assert secret not in repr(found)
    assert secret not in str(found.model_dump())
    assert found.secret_key == SecretStr(secret)
    monkeypatch.setenv("SCREENPOP_PORT", "x")
    with pytest.raises(InvalidSettings) as refused:
        settings.load()
    assert secret not in str(refused.value)
    assert secret not in repr(refused.value.__cause__)


def test_a_variable_that_nothing_reads_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCREENPOP_PROT", "80")
    monkeypatch.setenv("SCREENPOP_PORT", "80")
    assert "SCREENPOP_PROT" in settings.unknown_variables()
    assert "SCREENPOP_PORT" not in settings.unknown_variables()


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(Exception, match="frozen"):
        settings.load().port = 1


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"s3_access_key_id": "AKID"}, "SCREENPOP_S3_SECRET_ACCESS_KEY: .*together"),
        ({"s3_secret_access_key": "s"}, "SCREENPOP_S3_SECRET_ACCESS_KEY: .*together"),
        ({"s3_region": "eu-central-1.evil.example/"}, "SCREENPOP_S3_REGION: "),
        ({"recording_location": "http://x/{key}"}, "SCREENPOP_RECORDING_LOCATION: "),
    ],
)
def test_settings_of_recordings_that_cannot_be_are_named(given: dict[str, str], fault: str) -> None:
    with pytest.raises(InvalidSettings, match=fault):
        settings.load(**given)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("10.20.0.0/33", "10.20.0.0/33"),
        ("10.20.0.1/16", "host bits set"),
        ("intranet", "intranet"),
        ("127.0.0.0/8", "no provider stands there"),
        ("10.0.0.0/8, 169.254.0.0/16", "169.254.0.0/16: no provider stands there"),
        ("::/0", "name your own networks"),
    ],
)
def test_the_networks_of_providers_are_checked_at_the_start(
    written: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCREENPOP_SIGN_IN_NETWORKS", written)
    with pytest.raises(InvalidSettings, match="SCREENPOP_SIGN_IN_NETWORKS") as caught:
        settings.load()
    assert fault in str(caught.value)


def test_the_networks_of_providers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCREENPOP_SIGN_IN_NETWORKS", "10.20.0.0/16, fd12:3456::/32,")
    assert [str(each) for each in settings.load().networks_of_providers] == [
        "10.20.0.0/16",
        "fd12:3456::/32",
    ]
