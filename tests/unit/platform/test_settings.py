"""Settings have defaults, and errors in them name the place."""

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.platform.settings import ElsewhereSettings, Settings, default_toml, load


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "trunkline.toml"
    file.write_text(text)
    return file


def test_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environment={}) == Settings()


def test_the_default_file_says_the_defaults(tmp_path: Path) -> None:
    text = default_toml()
    assert load(written(tmp_path, text), {}) == Settings()
    assert set(tomllib.loads(text)) == set(Settings.__struct_fields__)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[http]\nport = 9000\nhost = "0.0.0.0"\n')
    settings = load(
        file, {"TRUNKLINE_HTTP_PORT": "9001", "TRUNKLINE_CONSOLE_SECURE_COOKIES": "true"}
    )
    assert (settings.http.host, settings.http.port) == ("0.0.0.0", 9001)  # noqa: S104
    assert settings.console.secure_cookies


def test_what_another_system_masters(tmp_path: Path) -> None:
    file = written(tmp_path, "[mastered_elsewhere]\nagreement = true\nparty = true\n")
    found = load(file, {"TRUNKLINE_MASTERED_ELSEWHERE_PARTY": "false"})
    assert found.mastered_elsewhere == ElsewhereSettings(agreement=True)
    assert Settings().mastered_elsewhere == ElsewhereSettings()


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[operator]\ntax_percent = 7.7\n")
    settings = load(environment={"TRUNKLINE_CONFIG": str(file)})
    assert settings.operator.tax_percent == Decimal("7.7")


def test_a_list_in_the_environment_is_separated_by_commas() -> None:
    settings = load(environment={"TRUNKLINE_OPERATOR_LANGUAGES": "de, fr"})
    assert settings.operator.languages == ("de", "fr")


def test_what_is_no_setting_of_ours_is_left_alone() -> None:
    load(environment={"TRUNKLINE_READY_FD": "3", "PATH": "/bin"})


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("[http]\nprot = 1\n", "trunkline.toml: http.prot", "did you mean port?"),
        ("[htpp]\nport = 1\n", "trunkline.toml: [htpp]", "did you mean http?"),
        ("http = 1\n", "trunkline.toml: [http]", "write it as a table"),
        ('[http]\nport = "x"\n', "trunkline.toml: http.port", "Expected `int`, got `str`"),
        ("[http]\nport = 70000\n", "trunkline.toml: http.port", "<= 65535"),
        ("[http\n", "trunkline.toml", "line 1"),
        ('[operator]\ncurrency = "euro"\n', "operator.currency", "'euro' is not an ISO 4217"),
        ('[operator]\ntime_zone = "Mars"\n', "operator.time_zone", "'Mars' is not an IANA"),
        ("[operator]\ntax_percent = 100\n", "operator.tax_percent", "less than 100"),
        ('[databases]\nbooks = "mysql://x"\n', "databases.books", "sqlite:///"),
        (
            '[databases]\nbooks = "sqlite:///a"\ncharging = "sqlite:///a"\n',
            "databases.charging",
            "must not be the books",
        ),
        ('[log]\nformat = "xml"\n', "log.format", "xml"),
    ],
)
def test_an_error_names_its_place(tmp_path: Path, text: str, place: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(written(tmp_path, text), {})
    assert place in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("TRUNKLINE_HTTP_PORT", "many", "Expected `int`"),
        ("TRUNKLINE_HTTP_PROT", "1", "did you mean port?"),
        ("TRUNKLINE_HTPP_PORT", "1", "did you mean http?"),
        ("TRUNKLINE_OPERATOR_CURRENCY", "euro", "ISO 4217"),
        ("TRUNKLINE_OPERATOR_TAX_PERCENT", "NaN", "at least 0"),
        ("TRUNKLINE_OPERATOR_TAX_PERCENT", "0.00001", "4 decimal places"),
        ("TRUNKLINE_OPERATOR_INVOICE_PREFIX", "../X", "regex"),
        ("TRUNKLINE_DATABASES_BOOKS", "sqlite:///", "must name a file"),
        ("TRUNKLINE_DATABASES_BOOKS", "sqlite:///:memory:", "must name a file"),
        ("TRUNKLINE_DATABASES_BOOKS", "sqlite:///a.db?mode=ro", "must name a file"),
        ("TRUNKLINE_DATABASES_BOOKS", "postgresql://db1", "names no database"),
        ("TRUNKLINE_DATABASES_BOOKS", "postgresql://a:secret@db1:x/books", "is no URL"),
        ("TRUNKLINE_DATABASES_BOOKS", "postgresql://a:my@secret@db1/books", "%40"),
        ("TRUNKLINE_DATABASES_CHARGING", "sqlite:///./var/books.db", "must not be the books"),
        ("TRUNKLINE_CHARGING_PROCESSES", "0", ">= 1"),
        ("TRUNKLINE_CHARGING_PROCESSES", "2", "several processes need PostgreSQL"),
    ],
)
def test_an_error_names_the_variable(variable: str, value: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(environment={variable: value})
    assert str(caught.value).startswith(variable)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_an_error_only_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        load(tmp_path / "nowhere.toml", {})


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        load(file, {})
