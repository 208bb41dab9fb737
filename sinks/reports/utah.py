"""Utah, 77-23e-106."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import AGENCY, ATTRIBUTION, GAPS, text

_REQUESTS = Column("requests", "Requests")
_MATCHED = Column("with_matches", "With matches")
_MATCHES = Column("matches", "Probable matches")
_COUNTS = """count() AS requests, countIf(candidates > 0) AS with_matches,
    sum(ifNull(toInt64(candidates), 0)) AS matches"""

UTAH = Definition(
    name="utah",
    title="Face recognition requests",
    statute="Utah Code 77-23e-106",
    due="between 1 August and 15 October",
    audience="public",
    intro="Types of crime and requests of each, probable matches per request, and where the images came from. "
    "A request is a search that was run; probable matches are the candidates that came back.",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "crimes",
            "Requests by type of crime",
            (text("crime", "Type of crime"), _REQUESTS, _MATCHED, _MATCHES),
            f"SELECT ifNull(crime_type, '') AS crime, {_COUNTS} FROM counted GROUP BY crime ORDER BY crime",
            chart="bars",
            charted="requests",
            total=("requests", "with_matches", "matches"),
            small=("requests", "with_matches"),
        ),
        Question(
            "matches",
            "Probable matches per request",
            (text("candidates", "Probable matches"), _REQUESTS),
            """
SELECT if(isNull(candidates), '', toString(candidates)) AS candidates_text, count() AS requests
FROM counted GROUP BY candidates_text, candidates ORDER BY candidates NULLS LAST
""",
            total=("requests",),
            small=("requests",),
        ),
        Question(
            "sources",
            "Where the images that were searched through come from",
            (text("source", "Kind of database"), _REQUESTS, _MATCHED, _MATCHES),
            f"""
SELECT arrayJoin(if(empty(gallery_kinds), [''], gallery_kinds)) AS source, {_COUNTS}
FROM counted GROUP BY source ORDER BY source
""",
            note="A request that goes through several kinds of databases stands in several lines.",
            small=("requests", "with_matches"),
        ),
        Question(
            "probes",
            "Where the images that were searched for come from",
            (text("probe", "Image"), _REQUESTS, _MATCHED, _MATCHES),
            f"SELECT ifNull(probe_kind, '') AS probe, {_COUNTS} FROM counted GROUP BY probe ORDER BY probe",
            total=("requests", "with_matches", "matches"),
            small=("requests", "with_matches"),
        ),
        Question(
            "agencies",
            "Requests by agency",
            (AGENCY, _REQUESTS, _MATCHED, _MATCHES),
            f"SELECT agency_id AS agency, {_COUNTS} FROM counted GROUP BY agency ORDER BY agency",
            total=("requests", "with_matches", "matches"),
            small=("requests", "with_matches"),
        ),
    ),
)
