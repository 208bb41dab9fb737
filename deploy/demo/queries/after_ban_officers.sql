-- Who went on in a commercial service after the ban: people whose search is proved.
SELECT
    officer,
    count() AS searches,
    uniqExact(case_number) AS cases,
    countIf(provider_conflict IS NOT NULL) AS said_to_be_another,
    formatDateTime(min(occurred_at), '%F', 'America/Los_Angeles') AS first_day,
    formatDateTime(max(occurred_at), '%F', 'America/Los_Angeles') AS last_day
FROM frwatch.searches
WHERE has(broken_rules, 'lapd-fr/commercial-service') AND certainty = 'CONFIRMED'
GROUP BY officer
ORDER BY searches DESC, officer
