"""Settings: environment variables `FRWATCH_…`, with a local default for each.

Where a local stack runs in `FRWATCH_HOME`, its addresses and its pseudonym key are the defaults; a variable
that is set always wins.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.canary import CanaryKey
from schemas.errors import WrongUse

STACK_FILE = "stack.json"
KEY_FILE = "pseudonym.key"
_DATA = Path(__file__).resolve().parent.parent / "deploy"


class Settings(BaseSettings):
    """What a process of frwatch needs to know of its surroundings.

    `pseudonym_key` has no default but the local stack's: whoever needs it calls `require_key`, which
    raises `WrongUse` where there is none.
    """

    model_config = SettingsConfigDict(env_prefix="FRWATCH_", extra="ignore", frozen=True)

    home: Path = Field(default=Path(".frwatch"), description="state folder of the local stack")
    kafka: str = Field(default="127.0.0.1:9092", description="bootstrap servers, host:port[,host:port]")
    clickhouse: SecretStr = Field(
        default=SecretStr("http://127.0.0.1:8123"),
        description="URL of the HTTP interface; may hold credentials",
    )
    schema_registry: str | None = Field(default=None, description="URL of a Confluent-compatible registry")
    topic_prefix: str = Field(default="fr.", description="what topic names begin with")
    group: str = Field(default="frwatch", description="consumer group of the workers")
    policies: Path = Field(default=_DATA / "policies", description="file or folder of policies")
    agencies: Path = Field(default=_DATA / "agencies", description="file or folder of agencies")
    catalogue: Path = Field(default=_DATA / "catalogue", description="file or folder of providers")
    queries: Path = Field(
        default=_DATA / "clickhouse" / "queries", description="folder of the query book: questions as SQL"
    )
    alerts: Path = Field(default=_DATA / "alerts", description="file or folder of alert routes")
    retention: Path = Field(
        default=_DATA / "retention", description="file or folder of how long events are kept"
    )
    alerts_link: str | None = Field(
        default=None, description="link to a violation in alerts; {violation_id}, {event_id}, {alert_id}"
    )
    alerts_allow_private: bool = Field(
        default=False, description="let every destination be in a private network"
    )
    alerts_remember_days: int = Field(
        default=400, ge=1, le=36_500, description="days for which no violation alerts again"
    )
    alerts_metrics: str | None = Field(
        default=None,
        pattern=r"^(\S+:)?\d{1,5}$",
        description="port, or host:port, of the alerter's Prometheus metrics",
    )
    collect_listen: str = Field(
        default="127.0.0.1:8480", pattern=r"^\S+:\d{1,5}$", description="host:port of the collector"
    )
    collect_clients: Path | None = Field(
        default=None, description="file or folder of the collector's clients"
    )
    collect_cert: Path | None = Field(default=None, description="the collector's certificate chain, PEM")
    collect_cert_key: Path | None = Field(default=None, description="its private key, PEM")
    collect_client_ca: Path | None = Field(default=None, description="who signs certificates of clients, PEM")
    collect_plain: bool = Field(
        default=False, description="listen beyond loopback without TLS, which a proxy ends"
    )
    collect_metrics: str | None = Field(
        default=None,
        pattern=r"^(\S+:)?\d{1,5}$",
        description="port, or host:port, of the collector's Prometheus metrics",
    )
    pseudonym_key: SecretStr | None = Field(
        default=None, description="key of the pseudonyms, 32 characters or more"
    )
    canary_key: SecretStr | None = Field(
        default=None, description="key of canaries, as `frwatch alerts canary-key` prints it"
    )
    probe_key: SecretStr | None = Field(
        default=None, description="a client's key of probe hashes, 32 characters or more"
    )
    spool: Path | None = Field(
        default=None, description="folder where emitters keep what Kafka has not taken; HOME/spool"
    )
    spool_events: int = Field(default=1_000_000, ge=1, description="events that one process may spool")
    spool_bytes: int = Field(default=1 << 30, ge=1 << 16, description="bytes that one process may spool")
    spool_power_safe: bool = Field(
        default=False, description="wait for the disk at each event, against the loss of power"
    )
    log_format: str = Field(default="console", pattern="^(console|json)$", description="console or json")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the local stack."""
        return init_settings, env_settings, _StackSource(settings_cls, env_settings, init_settings)

    def topic(self, name: str) -> str:
        """Return the full name of a topic: `topic("searches")` is `fr.searches`."""
        return f"{self.topic_prefix}{name}"

    @property
    def spool_folder(self) -> Path:
        """The folder of the emitters' spools."""
        return self.spool or self.home / "spool"

    def require_probe_key(self) -> str:
        """Return the key of probe hashes.

        Raises:
            WrongUse: there is none, or it is shorter than 32 characters.
        """
        key = self.probe_key.get_secret_value() if self.probe_key else ""
        if len(key) < 32:
            what = "is not set" if not key else "is shorter than 32 characters"
            raise WrongUse(
                f"FRWATCH_PROBE_KEY {what}: a probe is reported only by its keyed hash; "
                "set it to a secret of 32 characters or more that stays with the client"
            )
        return key

    def require_canary_key(self) -> CanaryKey:
        """Return the key of canaries: FRWATCH_CANARY_KEY, else that of all sources.

        Raises:
            WrongUse: there is neither it nor the pseudonym key, or it is no key.
        """
        if self.canary_key:
            return CanaryKey.parse(self.canary_key.get_secret_value())
        if not self.pseudonym_key:
            raise WrongUse(
                "FRWATCH_CANARY_KEY is not set: canaries are signed; `frwatch alerts canary-key SOURCE` "
                "prints a key where the pseudonym key is"
            )
        return CanaryKey.of_all(self.require_key())

    def require_key(self) -> bytes:
        """Return the pseudonym key.

        Raises:
            WrongUse: there is none, or it is shorter than 32 bytes.
        """
        key = self.pseudonym_key.get_secret_value().encode() if self.pseudonym_key else b""
        if len(key) < 32:
            what = "is not set" if not key else "is shorter than 32 characters"
            raise WrongUse(
                f"FRWATCH_PSEUDONYM_KEY {what}: officers are stored only under a keyed pseudonym; "
                "set it to a secret of 32 characters or more, the same for every worker"
            )
        return key


class _StackSource(PydanticBaseSettingsSource):
    """The addresses of the local stack, where one has been started in the home folder."""

    def __init__(self, settings_cls: type[BaseSettings], *before: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._before = before

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for source in reversed(self._before):
            given |= source()
        home = Path(given.get("home") or ".frwatch")
        try:
            stack = json.loads((home / STACK_FILE).read_text())
        except (OSError, ValueError):
            return {}
        found = {name: stack[name] for name in ("kafka", "clickhouse", "schema_registry") if stack.get(name)}
        # The stack's key is for the stack's own broker: a worker pointed elsewhere must be given one.
        if given.get("kafka", found.get("kafka")) == found.get("kafka"):
            with contextlib.suppress(OSError):
                found["pseudonym_key"] = (home / KEY_FILE).read_text().strip()
        return found


def load_settings(**given: Any) -> Settings:
    """Return the settings of this process.

    Raises:
        WrongUse: a variable has a value that it cannot have; the text names each.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = "; ".join(
            f"FRWATCH_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise WrongUse(faults) from None
