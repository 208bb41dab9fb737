-- For which types of crime is face recognition used, and how often does it lead to action?
-- param agency=
SELECT
    ifNull(crime_type, 'not stated') AS crime,
    sum(o.searches) AS searches,
    sum(o.with_candidates) AS with_candidates,
    sum(o.led_to_action) AS led_to_action,
    round(100 * led_to_action / searches, 1) AS percent
FROM frwatch.outcomes_by_day AS o
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY crime
ORDER BY searches DESC, crime
LIMIT 40
