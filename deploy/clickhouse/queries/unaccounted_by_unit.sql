-- Which units search without a case number, a type of crime, or an approval?
-- param agency=lapd
SELECT
    agency_id AS agency,
    ifNull(unit, 'not stated') AS of_unit,
    sum(u.searches) AS searches,
    sum(u.no_case) AS no_case,
    sum(u.no_crime) AS no_crime,
    sum(u.no_approval) AS no_approval,
    round(100 * no_case / searches, 1) AS percent_no_case
FROM frwatch.units_by_day AS u
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, of_unit
ORDER BY no_case DESC, agency, of_unit
LIMIT 40
