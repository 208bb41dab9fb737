-- Which units search without a case number, a type of crime, or an approval?
-- param agency=lapd
SELECT
    agency_id AS agency,
    ifNull(unit, 'not stated') AS of_unit,
    count() AS searches,
    countIf(empty(trimBoth(ifNull(case_number, '')))) AS no_case,
    countIf(empty(trimBoth(ifNull(crime_type, '')))) AS no_crime,
    countIf(empty(trimBoth(ifNull(approved_by, '')))) AS no_approval,
    round(100 * no_case / searches, 1) AS percent_no_case
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, of_unit
ORDER BY no_case DESC, agency, of_unit
LIMIT 40
