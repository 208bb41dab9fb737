-- For which cases were commercial services searched, and what is told of them?
-- param agency=lapd
WITH kinds AS
(
    SELECT event_id, groupUniqArray(lower(replaceAll(kind, '_', ' '))) AS kinds
    FROM frwatch.search_outcomes WHERE counted AND agency_id = {agency:String} GROUP BY event_id
)
SELECT
    assumeNotNull(s.case_number) AS case,
    count() AS searches,
    uniqExact(s.officer) AS people,
    arrayStringConcat(arraySort(groupUniqArray(ifNull(s.crime_type, 'not stated'))), ', ') AS crimes,
    arrayStringConcat(arraySort(groupUniqArrayArray(k.kinds)), ', ') AS told
FROM frwatch.counted_searches AS s
LEFT JOIN kinds AS k ON k.event_id = s.event_id
WHERE s.agency_id = {agency:String} AND s.provider_class = 'commercial' AND isNotNull(s.case_number)
GROUP BY case
ORDER BY has(groupUniqArrayArray(k.kinds), 'arrest') DESC, told != '' DESC, searches DESC, case
LIMIT 40
