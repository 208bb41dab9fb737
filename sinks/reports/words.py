"""What a member of the public need know to read a report."""

from __future__ import annotations

WORDS: tuple[tuple[str, str], ...] = (
    (
        "Search",
        "A photograph of a face was compared with a collection of photographs, and the program that police used "
        "reported so. Whoever only opened the site of a service, or looked up its name, is not counted.",
    ),
    (
        "Service",
        "What does the comparing, and the photographs that it goes through. It is named after whoever runs it, not "
        "after whoever wrote its software.",
    ),
    ("In no catalogue", "Nobody has listed the service yet, so this page cannot say who runs it."),
    (
        "Match, lead",
        "Someone who looks alike. It is a hint that police may follow, and proves nobody's identity.",
    ),
    (
        "Led to action",
        "Afterwards police told of a lead, an identification, an arrest, or what follows one. That the search was "
        "the reason is not said.",
    ),
    ("Proven", "A search that was reported, and that a rule in force on its day forbids."),
    (
        "Not proven",
        "No more than a sign of one: a site that was reached, or a service that nobody has listed. It accuses nobody.",
    ),
    ("Not stated", "The record of the search leaves it open."),
)
"""Words of the reports, and what they mean."""
WITHHELD_WORD = (
    "Withheld",
    "A count below ten is not shown where it could tell who was searched for, nor are others from which it would follow.",
)
