"""Accountability: searches whose record does not say what somebody must be able to answer for."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import AGENCY, ATTRIBUTION, GAPS, SEARCHES, SERVICE, text

_LACKS = tuple(
    Column(name, title)
    for name, title in (
        ("no_case", "No case number"),
        ("no_crime", "No crime type"),
        ("no_purpose", "No purpose"),
        ("no_approval", "No approval"),
        ("no_training", "No certificate"),
    )
)
_COUNTS = """count() AS searches, countIf(ifNull(trim(case_number), '') = '') AS no_case,
    countIf(ifNull(trim(crime_type), '') = '') AS no_crime, countIf(ifNull(trim(purpose), '') = '') AS no_purpose,
    countIf(ifNull(trim(approved_by), '') = '') AS no_approval,
    countIf(ifNull(trim(training_cert), '') = '') AS no_training"""
_ADDED = ("searches", *(column.name for column in _LACKS))

ACCOUNTABILITY = Definition(
    name="accountability",
    title="Searches that nobody could account for",
    statute="No one statute: what LACRIS's request form asks for (forthe.org, 2022), and other states' reports",
    due="whenever it is asked",
    audience="internal",
    intro="Searches without a case number, type of crime, purpose, approval or certificate of training, by unit.",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "units",
            "By agency and unit",
            (AGENCY, text("unit", "Unit"), SEARCHES, *_LACKS),
            f"""
SELECT agency_id AS agency, ifNull(unit, '') AS unit_text, {_COUNTS}
FROM counted GROUP BY agency, unit_text ORDER BY agency, unit_text
""",
            total=_ADDED,
        ),
        Question(
            "services",
            "By service",
            (SERVICE, SEARCHES, *_LACKS),
            f"SELECT ifNull(provider_id, '') AS service, {_COUNTS} FROM counted GROUP BY service ORDER BY service",
            total=_ADDED,
        ),
        Question(
            "months",
            "By month",
            (text("month", "Month"), SEARCHES, *_LACKS),
            f"""
SELECT formatDateTime(occurred_at, '%Y-%m', {{zone:String}}) AS month, {_COUNTS}
FROM counted GROUP BY month ORDER BY month
""",
            chart="periods",
            charted="no_case",
            total=_ADDED,
        ),
    ),
)
