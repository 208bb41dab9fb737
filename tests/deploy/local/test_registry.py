import json
import urllib.request
from pathlib import Path

from tests.support.registry import running_registry

SCHEMA = json.dumps({"type": "record", "name": "A", "fields": [{"name": "a", "type": "long"}]})


def _call(url: str, body: object = None) -> dict[str, object]:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    answer: dict[str, object] = json.loads(urllib.request.urlopen(request, timeout=10).read())
    return answer


def test_ids_outlive_a_restart(tmp_path: Path) -> None:
    with running_registry(tmp_path) as base:
        given = _call(f"{base}/subjects/a-value/versions", {"schema": SCHEMA})["id"]
    with running_registry(tmp_path) as base:
        found = _call(f"{base}/schemas/ids/{given}")["schema"]
    assert json.loads(str(found)) == json.loads(SCHEMA)
