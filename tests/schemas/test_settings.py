from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import WrongUse
from schemas.settings import load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KAFKA", "CLICKHOUSE", "SCHEMA_REGISTRY", "PSEUDONYM_KEY"):
        monkeypatch.delenv(f"FRWATCH_{name}", raising=False)
    monkeypatch.setenv("FRWATCH_HOME", str(tmp_path))
    return tmp_path


def put_stack(home: Path) -> None:
    (home / "stack.json").write_text(
        json.dumps(
            {"kafka": "127.0.0.1:19092", "clickhouse": "http://127.0.0.1:18123", "schema_registry": None}
        )
    )
    (home / "pseudonym.key").write_text("ab" * 32)


def test_without_a_stack_the_defaults_are_the_usual_ports_and_there_is_no_key(home: Path) -> None:
    settings = load_settings()
    assert settings.kafka == "127.0.0.1:9092"
    with pytest.raises(WrongUse, match="FRWATCH_PSEUDONYM_KEY is not set"):
        settings.require_key()


def test_a_local_stack_gives_addresses_and_key(home: Path) -> None:
    put_stack(home)
    settings = load_settings()
    assert settings.kafka == "127.0.0.1:19092"
    assert settings.clickhouse.get_secret_value() == "http://127.0.0.1:18123"
    assert settings.require_key() == b"ab" * 32


def test_a_worker_that_is_pointed_elsewhere_does_not_get_the_stacks_key(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_stack(home)
    monkeypatch.setenv("FRWATCH_KAFKA", "kafka.example:9092")
    assert load_settings().pseudonym_key is None


def test_a_short_key_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRWATCH_PSEUDONYM_KEY", "short")
    with pytest.raises(WrongUse, match="shorter than 32"):
        load_settings().require_key()


def test_a_wrong_value_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRWATCH_LOG_FORMAT", "xml")
    with pytest.raises(WrongUse, match="FRWATCH_LOG_FORMAT"):
        load_settings()


def test_secrets_do_not_show(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRWATCH_PSEUDONYM_KEY", "k" * 40)
    monkeypatch.setenv("FRWATCH_CLICKHOUSE", "http://writer:hunter2@127.0.0.1:8123")
    shown = repr(load_settings())
    assert "kkkk" not in shown
    assert "hunter2" not in shown
