-- Of which age, race and gender were the people whom a match led to action against? (null: fewer than ten)
-- param agency=
-- param least=10
SELECT
    ifNull(age_band, 'not stated') AS age,
    ifNull(race, 'not stated') AS of_race,
    ifNull(gender, 'not stated') AS of_gender,
    if(sum(f.matches) < {least:UInt32}, NULL, sum(f.matches)) AS matches
FROM frwatch.faces_by_day AS f
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY age, of_race, of_gender
ORDER BY age, of_race, of_gender
