-- Which people broke rules most often, as far as it is proven?
-- param agency=lapd
SELECT
    left(officer, 12) AS person,
    count() AS findings,
    uniqExact(event_id) AS searches,
    arrayStringConcat(arraySort(groupUniqArray(rule_id)), ', ') AS rules,
    formatDateTime(min(occurred_at), '%F', 'UTC') AS first_day,
    formatDateTime(max(occurred_at), '%F', 'UTC') AS last_day
FROM frwatch.violations
WHERE certainty = 'CONFIRMED' AND isNotNull(officer) AND agency_id = {agency:String}
GROUP BY officer
ORDER BY findings DESC, person
LIMIT 20
