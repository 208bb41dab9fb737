-- What the LAPD would not say: its searches in commercial services before the directive of 13 November 2020.
SELECT
    count() AS searches,
    uniqExact(officer) AS people,
    countIf(account = 'trial') AS on_a_trial,
    uniqExact(case_number) AS cases,
    countIf(case_number IS NULL) AS without_a_case,
    countIf(event_id IN (SELECT event_id FROM frwatch.outcomes WHERE kind = 'ARREST' AND event_id IS NOT NULL)
        OR (agency_id, case_number) IN (
            SELECT agency_id, case_number FROM frwatch.outcomes
            WHERE kind = 'ARREST' AND event_id IS NULL AND case_number IS NOT NULL
        )) AS led_to_arrests,
    countIf(notEmpty(broken_rules)) AS break_a_rule
FROM frwatch.searches
WHERE agency_id = 'lapd' AND provider_class = 'commercial' AND evidence = 'SEARCH'
    AND occurred_at < toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')
