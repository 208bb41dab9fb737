"""`frwatch catalogue`: lint, and explain what a host, URL or name stands for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from schemas.catalogue_files import collect_catalogue, load_catalogue
from schemas.settings import load_settings
from schemas.yaml_file import Faults, read_sources
from streams.explain import Explainer, Explanation, Reading
from streams.lint_report import print_faults
from streams.policy_files import agencies_of

AsJson = Annotated[bool, Parameter("--json", negative=())]
SHORT = 12


def lint_command(*paths: Path, as_json: AsJson = False) -> int:
    """Say every fault of the catalogue, with file, line, column and remedy; exit status 1 if there is one.

    Parameters
    ----------
    paths:
        Files and folders of the catalogue, read as one; FRWATCH_CATALOGUE where none is given.
    as_json:
        Print the faults as a JSON array of `file`, `line`, `column` and `text`.
    """
    settings = load_settings()
    faults = Faults()
    sources = [source for path in paths or (settings.catalogue,) for source in read_sources(path)]
    catalogue = collect_catalogue(sources, faults, agencies_of(settings))
    hosts = sum(len(provider.hosts) for provider in catalogue)
    size = f"{len(catalogue)} services, {hosts} hosts"
    fine = f"no faults: {size}, version {catalogue.version[:SHORT]}"
    return print_faults(faults.told(), fine, as_json=as_json)


def explain_command(
    text: Annotated[str, Parameter(allow_leading_hyphen=True)], *, as_json: AsJson = False
) -> int:
    """Say which service a host, URL or name stands for and by which evidence, or what is nearest to it.

    Exit status 1 where it stands for none.

    Parameters
    ----------
    text:
        A host, a URL or a name, as a client writes it.
    as_json:
        Print both readings as JSON, `endpoint` and `name`, each with `provider_id`, `provider_class`,
        `evidence_strength`, `because` and `misses`.
    """
    explained = Explainer(load_catalogue(load_settings().catalogue)).explain(text)
    if as_json:
        readings = {"endpoint": explained.endpoint, "name": explained.name}
        print(json.dumps({"text": text} | {key: _as_json(each) for key, each in readings.items()}))
    else:
        print("\n".join(_readable(explained)))
    return 0 if explained.providers else 1


def _as_json(reading: Reading) -> dict[str, Any]:
    provider, service = reading.service.provider, reading.service
    return {
        "provider_id": provider.id if provider else None,
        "provider_class": provider.provider_class if provider else "unknown",
        "host": service.host,
        "evidence_strength": "weak" if service.weak else "full",
        "because": reading.because,
        "misses": [miss._asdict() for miss in reading.misses],
    }


def _readable(explained: Explanation) -> list[str]:
    lines = []
    for what, reading in (("as an endpoint", explained.endpoint), ("as a name", explained.name)):
        provider = reading.service.provider
        found = f"{provider.id} ({provider.provider_class})" if provider else "unknown"
        lines.append(f"{what + ':':15} {found}: {reading.because}")
        lines += [
            f"{'':15}   nearest {miss.text} ({miss.provider_id}): {miss.why}" for miss in reading.misses
        ]
    for provider in explained.providers:
        lines.append("")
        lines.append(f"{provider.id}: {provider.name}, as of {provider.as_of}, {provider.status}")
        kinds = ", ".join(provider.gallery_kinds)
        facts = {
            "class": provider.provider_class,
            "operator": provider.operator,
            "software_vendor": provider.software_vendor,
            "gallery": provider.gallery and f"{provider.gallery} ({kinds})",
            "note": provider.note,
        }
        for fact, value in facts.items():
            if value:
                lines.append(f"  {fact.replace('_', ' '):15} {value}")
        for cited in provider.sources:
            of = f", of {', '.join(cited.of)}" if cited.of else ""
            lines.append(f"  {'source':15} {cited.source}{of}")
    return lines
