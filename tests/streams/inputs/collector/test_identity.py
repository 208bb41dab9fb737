"""Who a client is: by a key, or by a certificate that the client CA signed; and how that is changed."""

from __future__ import annotations

import hashlib
import signal
import ssl
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from schemas.collector_clients import new_key, sha256_of_key
from tests.streams.inputs.collector.conftest import topics_in
from tests.support.collector import CLIENTS, KEYS, Collector, post, search
from tests.support.worker import Stack, until


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {KEYS['lacris-web'][:-1]}",
        f"Bearer {KEYS['lacris-web']}0",
        f"Bearer {KEYS['lacris-web'].upper()}",
        f"Bearer {KEYS['lacris-web'].replace('lacris-web', 'county-hub')}",
        f"Bearer {sha256_of_key(KEYS['lacris-web'])}",
        f"Basic {KEYS['lacris-web']}",
        KEYS["lacris-web"],
        "Bearer frw_lacris-web_\u00fc\u00ff",
    ],
)
def test_without_a_known_key_nobody_is_let_in(running: Collector, said: str | None) -> None:
    headers = {} if said is None else {"Authorization": said}
    status, told, headers = running.post(search(), client=None, **headers)
    assert (status, told["type"]) == (401, "urn:frwatch:problem:unauthenticated")
    assert headers["WWW-Authenticate"] == 'Bearer realm="frwatch"'
    assert not any(key.rpartition("_")[2][:16] in running.log() for key in KEYS.values())


def test_the_scheme_is_read_in_any_case(running: Collector) -> None:
    key = KEYS["lacris-web"]
    assert running.post(search(), client=None, Authorization=f"bearer  {key} ")[0] == 202


def test_only_who_may_report_outcomes_does(running: Collector) -> None:
    status, told, _ = running.post({}, "/v1/outcomes", client="county-hub")
    assert (status, told["type"]) == (403, "urn:frwatch:problem:not_allowed")


@pytest.mark.parametrize("agency", ["lapd", "lasd", "an agency that no register has"])
def test_who_speaks_for_all_agencies_reports_any(running: Collector, agency: str) -> None:
    event = search(agency_id=agency, source="county-hub")
    assert running.post(event, client="county-hub")[0] == 202


def test_clients_are_read_anew_at_sighup_and_faulty_ones_change_nothing(topics: Stack) -> None:
    collector = Collector(topics)
    process = collector.start()
    newer, before = new_key("lacris-web"), sha256_of_key(KEYS["lacris-web"])

    def status(key: str) -> int:
        return collector.post(search(), client=None, Authorization=f"Bearer {key}")[0]

    def rewrite(*keys: str) -> None:
        text = CLIENTS.replace(f"[sha256:{before}]", f"[{', '.join(keys)}]")
        collector.clients.write_text(text)
        process.send_signal(signal.SIGHUP)

    assert (status(KEYS["lacris-web"]), status(newer)) == (202, 401)
    rewrite(before, sha256_of_key(newer))
    until(lambda: status(newer) == 202, "the second key is known")
    assert status(KEYS["lacris-web"]) == 202, "both are, while one replaces the other"
    rewrite("no-hash")
    until(lambda: "those in force stay" in collector.log(), "the faults are said")
    assert "clients.yaml:4:" in collector.log()
    assert (status(KEYS["lacris-web"]), status(newer)) == (202, 202)
    rewrite(sha256_of_key(newer))
    until(lambda: status(KEYS["lacris-web"]) == 401, "the first key is known no more")
    assert status(newer) == 202


AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
BY_HASH = AUTHORITY.issue_cert("by-hash.example")
BY_NAME = AUTHORITY.issue_cert("desk.lapd.example", "other.example")


def fingerprint(certificate: trustme.LeafCert) -> str:
    (pem,) = certificate.cert_chain_pems
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.bytes().decode())).hexdigest()


CERTIFIED = f"""
  - id: by-hash
    certificates: ["{fingerprint(BY_HASH)}"]
    agencies: [lapd]
    sources: [by-hash]
  - id: by-name
    certificate_names: [Desk.LAPD.example]
    agencies: [lasd]
    sources: [by-name]
"""


def showing(certificate: trustme.LeafCert | None) -> ssl.SSLContext:
    """The TLS of a caller who shows a certificate."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def secured(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector with TLS and a client CA."""
    home: Path = tmp_path_factory.mktemp("secured")
    with topics_in(broker, home) as stack:
        server = AUTHORITY.issue_cert("127.0.0.1")
        files = {name: home / f"{name}.pem" for name in ("cert", "key", "ca")}
        files["cert"].write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
        files["key"].write_bytes(server.private_key_pem.bytes())
        files["ca"].write_bytes(AUTHORITY.cert_pem.bytes())
        collector = Collector(
            stack,
            tls=showing(None),
            FRWATCH_COLLECT_CERT=str(files["cert"]),
            FRWATCH_COLLECT_CERT_KEY=str(files["key"]),
            FRWATCH_COLLECT_CLIENT_CA=str(files["ca"]),
        )
        collector.clients.write_text(CLIENTS + CERTIFIED)
        collector.start()
        yield collector


def by(collector: Collector, certificate: trustme.LeafCert | None, **fields: str) -> int:
    return post(collector.url, search(**fields), client=None, tls=showing(certificate))[0]


def test_a_certificate_is_known_by_its_hash_or_by_a_name(secured: Collector) -> None:
    assert by(secured, BY_HASH, source="by-hash") == 202
    assert by(secured, BY_NAME, source="by-name", agency_id="lasd") == 202
    assert by(secured, BY_NAME, source="by-name", agency_id="lapd") == 403


def test_a_certificate_that_is_on_no_list_or_none_is_nobody(secured: Collector) -> None:
    assert by(secured, AUTHORITY.issue_cert("other.example")) == 401
    assert by(secured, AUTHORITY.issue_cert("x.desk.lapd.example")) == 401
    assert by(secured, AUTHORITY.issue_cert("somebody@desk.lapd.example")) == 401
    assert by(secured, AUTHORITY.issue_cert(common_name="desk.lapd.example")) == 401
    assert by(secured, None) == 401


def test_a_certificate_of_another_authority_ends_at_the_handshake(secured: Collector) -> None:
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        by(secured, STRANGER.issue_cert("desk.lapd.example"), source="by-name", agency_id="lasd")


def test_a_key_is_taken_over_tls_too_and_comes_before_a_certificate(secured: Collector) -> None:
    assert secured.post(search())[0] == 202
    status, _, _ = post(secured.url, search(), tls=showing(BY_NAME))
    assert status == 202
    status, _, _ = post(secured.url, search(), client=None, tls=showing(BY_HASH), Authorization="Bearer x")
    assert status == 401, "a key that nobody has is not forgiven for a certificate"


def test_who_speaks_no_tls_is_not_answered(secured: Collector) -> None:
    with pytest.raises((urllib.error.URLError, ConnectionError, OSError)):
        post(secured.url.replace("https", "http"), search())
    assert secured.post(search())[0] == 202
