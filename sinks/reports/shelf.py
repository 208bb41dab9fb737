"""All reports, by name."""

from __future__ import annotations

from sinks.reports.accountability import ACCOUNTABILITY
from sinks.reports.detroit import DETROIT
from sinks.reports.lapd import LAPD
from sinks.reports.maryland import MARYLAND
from sinks.reports.massachusetts import MASSACHUSETTS
from sinks.reports.model import Definition
from sinks.reports.transparency import TRANSPARENCY
from sinks.reports.utah import UTAH
from sinks.reports.virginia import VIRGINIA
from sinks.reports.washington import WASHINGTON

REPORTS: dict[str, Definition] = {
    definition.name: definition
    for definition in (
        ACCOUNTABILITY,
        DETROIT,
        LAPD,
        MARYLAND,
        MASSACHUSETTS,
        TRANSPARENCY,
        UTAH,
        VIRGINIA,
        WASHINGTON,
    )
}
