-- For which types of crime is face recognition used, and how often does it lead to action?
-- param agency=
WITH acted AS
(
    SELECT DISTINCT event_id FROM frwatch.search_outcomes
    WHERE kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
        AND ({agency:String} = '' OR agency_id = {agency:String})
)
SELECT
    ifNull(crime_type, 'not stated') AS crime,
    count() AS searches,
    countIf(candidates > 0) AS with_candidates,
    countIf(event_id IN (SELECT event_id FROM acted)) AS led_to_action,
    round(100 * led_to_action / searches, 1) AS percent
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY crime
ORDER BY searches DESC, crime
LIMIT 40
