-- Of which age, race and gender were the people whom a match led to action against? (null: fewer than ten)
-- param agency=
-- param least=10
SELECT
    ifNull(age_band, 'not stated') AS age,
    ifNull(race, 'not stated') AS of_race,
    ifNull(gender, 'not stated') AS of_gender,
    if(uniqExact(event_id) < {least:UInt32}, NULL, uniqExact(event_id)) AS matches
FROM frwatch.search_outcomes
WHERE counted AND kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
    AND ({agency:String} = '' OR agency_id = {agency:String})
GROUP BY age, of_race, of_gender
ORDER BY age, of_race, of_gender
