from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.errors import NotThere
from schemas.settings import Settings
from sinks.console.history import LONGEST, SafeHistory, history_file, holds_secret, secrets_of

SECRETS = ["hunter2"]


def stored(file: Path) -> list[str]:
    """What a prompt that starts now goes back to, oldest first."""
    return list(SafeHistory(file, SECRETS).load_history_strings())[::-1]


def test_what_is_typed_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "sql-history"
    history = SafeHistory(file, SECRETS)
    for text in ("SELECT 1;", "SELECT\n2;", " SELECT 3;", "SELECT 'hunter2';"):
        history.append_string(text)
    assert history.get_strings()[-1] == "SELECT 'hunter2';", "the same prompt may go back to it"
    assert stored(file) == ["SELECT 1;", "SELECT\n2;"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o644)
    assert stored(file) == ["SELECT 1;", "SELECT\n2;"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "CREATE USER a IDENTIFIED BY 'x'",
        "SET my_password = 1; SELECT password FROM t",
        "SELECT * FROM s3('https://b/x.csv', 'AKIA', 'abc')",
        "SELECT * FROM url('https://me:pass@host/x')",
        "SELECT * FROM postgresql('h', 'd', 't', 'u', 'p')",
        "SELECT * FROM remoteSecure('h', d.t, 'u', 'p')",
        "SELECT encrypt('aes-256-gcm', x, 'key')",
        "SELECT 1 -- hunter2",
    ],
)
def test_what_holds_a_secret_or_may_is_not_written_down(text: str) -> None:
    assert holds_secret(text, SECRETS)


@pytest.mark.parametrize(
    "text", ["SELECT tokens(agency_id) FROM searches", "SELECT 'https://a.example/b:c'", "book x"]
)
def test_what_holds_none_is(text: str) -> None:
    assert not holds_secret(text, ["", *SECRETS])


def test_a_long_history_loses_its_older_half_between_two_entries(tmp_path: Path) -> None:
    file = tmp_path / "sql-history"
    history = SafeHistory(file, SECRETS)
    for number in range(LONGEST // 1000 + 100):
        history.append_string(f"SELECT {number}, '{'x' * 1000}';")
    kept = stored(file)
    assert kept[-1].startswith(f"SELECT {LONGEST // 1000 + 99},")
    assert 0 < len(kept) < LONGEST // 1000
    assert all(each.startswith("SELECT ") and each.endswith("';") for each in kept)


def test_where_it_is_kept_and_what_is_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings = Settings(
        home=tmp_path / "none",
        clickhouse=SecretStr("http://me:hunter%402@host"),
        pseudonym_key=SecretStr("k" * 32),
    )
    assert history_file(settings) == tmp_path / "state" / "frwatch" / "sql-history"
    assert history_file(Settings(home=tmp_path)) == tmp_path / "sql-history"
    assert secrets_of(settings) == ["hunter@2", "k" * 32]
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotThere, match="cannot be written"):
        SafeHistory(tmp_path / "link", SECRETS)
