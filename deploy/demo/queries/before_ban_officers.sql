-- Which officers, by pseudonym: the 27 people, most searches first.
WITH
    by_id AS (SELECT event_id FROM frwatch.outcomes WHERE kind = 'ARREST' AND event_id IS NOT NULL),
    by_case AS (
        SELECT agency_id, case_number FROM frwatch.outcomes
        WHERE kind = 'ARREST' AND event_id IS NULL AND case_number IS NOT NULL
    )
SELECT
    officer,
    count() AS searches,
    countIf(account = 'trial') AS on_a_trial,
    uniqExact(case_number) AS cases,
    countIf(case_number IS NULL) AS without_a_case,
    countIf(event_id IN (SELECT event_id FROM by_id)
        OR (agency_id, case_number) IN (SELECT agency_id, case_number FROM by_case)) AS led_to_arrests,
    formatDateTime(min(occurred_at), '%F', 'America/Los_Angeles') AS first_day,
    formatDateTime(max(occurred_at), '%F', 'America/Los_Angeles') AS last_day
FROM frwatch.searches
WHERE agency_id = 'lapd' AND provider_class = 'commercial' AND evidence = 'SEARCH'
    AND occurred_at < toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')
GROUP BY officer
ORDER BY searches DESC, officer
