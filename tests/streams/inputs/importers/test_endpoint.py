"""What of a URL and of a malformed line is kept: no credentials, no query, no token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.hosts import parse_endpoint
from streams.inputs.importers.endpoint import account_of, kept_endpoint
from streams.inputs.importers.scrub import kept_line

SECRET = "hunter2secret"


@pytest.mark.parametrize(
    "text",
    [
        "http://u:hunter2secret@app.clearview.ai/search",
        "http://hunter2secret@app.clearview.ai/search",
        "http://u:a@hunter2secret@app.clearview.ai/search",
        "http:///u:hunter2secret@app.clearview.ai/search",
        "http:\\\\u:hunter2secret@app.clearview.ai\\search",
        "https:////u:hunter2secret@app.clearview.ai/search",
        "https:/u:hunter2secret@app.clearview.ai/search",
        "ht\ttp://u:hunter2\tsecret@app.clearview.ai/search",
        "http://app.clearview.ai/search?token=hunter2secret",
        "http://app.clearview.ai/search#hunter2secret",
        "http://app.clearview.ai/search;jsessionid=hunter2secret",
        "http://app.clearview.ai/search%3Ftoken=hunter2secret",
        "http://app.clearview.ai/search%253Ftoken=hunter2secret",
        "http://app.clearview.ai/search%23hunter2secret",
        "http://app.clearview.ai/search%3bs=hunter2secret",
        "http://app.clearview.ai//u:hunter2secret@x/",
        "http://app.clearview.ai/to/https://u:hunter2secret@x/",
        "http://app.clearview.ai/to/https:%2F%2Fu:hunter2secret%40x/",
        "u:hunter2secret@app.clearview.ai:443",
        "//u:hunter2secret@app.clearview.ai/search",
    ],
)
def test_no_credentials_query_or_fragment_of_an_endpoint_is_kept(text: str) -> None:
    endpoint = parse_endpoint(text)
    assert endpoint is not None
    assert endpoint.host == "app.clearview.ai"
    kept = kept_endpoint(text, endpoint.host)
    assert SECRET not in kept
    assert parse_endpoint(kept) is not None
    assert parse_endpoint(kept)[0] == "app.clearview.ai"  # type: ignore[index]


def test_a_path_is_kept_but_for_what_may_be_a_token() -> None:
    assert (
        kept_endpoint("https://a.example/one/two%20three/", "a.example") == "https://a.example/one/two three/"
    )
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0"
    assert token not in kept_endpoint(f"https://a.example/reset/{token}/x", "a.example")
    assert len(kept_endpoint("https://a.example/" + "ab/" * 900, "a.example")) < 300
    assert kept_endpoint("https://[2001:db8::1]:8/x", "2001:db8::1") == "https://[2001:db8::1]/x"


@settings(derandomize=True, deadline=None, max_examples=400)
@given(
    st.sampled_from(["http://", "https:///", "HTTP:\\\\", "ftp://"]),
    st.text(st.sampled_from("ab:%4@"), max_size=8),
    st.text(st.sampled_from("/ab%2f;?#@\\."), max_size=20),
)
def test_a_password_before_the_host_is_never_kept(scheme: str, user: str, path: str) -> None:
    text = f"{scheme}{user}:{SECRET}@app.clearview.ai/{path}"
    endpoint = parse_endpoint(text)
    if endpoint is not None:
        assert SECRET not in kept_endpoint(text, endpoint.host)


@pytest.mark.parametrize(
    ("host", "path", "account"),
    [
        ("trial.clearview.ai", "/", "trial"),
        ("app.clearview.ai", "/free-trial/x", "trial"),
        ("app.clearview.ai", "/personal", "personal"),
        ("app.clearview.ai", "/trialled", None),
    ],
)
def test_a_trial_or_personal_account_is_told_by_whole_words(
    host: str, path: str, account: str | None
) -> None:
    assert account_of(host, path) == account


@pytest.mark.parametrize(
    "line",
    [
        "GET http://u:hunter2secret@a.example/x",
        "GET http://u:p@hunter2secret@a.example/x",
        "GET http:\\/\\/u:hunter2secret@a.example\\/x",
        "CONNECT u:hunter2secret@a.example:443",
        "http://a.example/x?token=hunter2secret rest",
        "Proxy-Authorization: Basic hunter2secret",
        '"authorization": "Bearer hunter2secret"',
        "password=hunter2secret rest",
        '{"api_key":"hunter2secret"',
        "cookie: hunter2secret",
        "pwd='hunter2secret",
    ],
)
def test_of_a_malformed_line_no_credentials_are_kept(line: str) -> None:
    kept = kept_line(line.encode(), withhold=False)
    assert SECRET not in repr(kept)
    assert "text" in kept


def test_a_line_that_may_hold_a_face_is_kept_as_its_digest_alone() -> None:
    assert kept_line(b"x " + b"\xff\xd8\xff\xe0\0\x10JFIF\0" * 40, withhold=False).keys() == {
        "withheld",
        "bytes",
        "sha256",
    }


def test_a_long_line_is_kept_in_part_and_without_control_characters() -> None:
    kept = kept_line(b"\x1b[31mred " + b"some words " * 1000, withhold=False)
    assert isinstance(kept["text"], str)
    assert len(kept["text"]) == 1024
    assert "\x1b" not in kept["text"]
