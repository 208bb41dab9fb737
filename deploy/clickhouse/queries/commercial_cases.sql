-- For which cases were commercial services searched, and what is told of them?
-- param agency=lapd
WITH
    ['ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS all_kinds,
    ran AS
    (
        SELECT assumeNotNull(case_number) AS case, officer, crime_type FROM frwatch.counted_searches
        WHERE agency_id = {agency:String} AND provider_class = 'commercial' AND isNotNull(case_number)
    ),
    told AS
    (
        SELECT
            arrayJoin(t.cases) AS case_key,
            arraySum((kind, at) -> if(has(t.kinds, kind), bitShiftLeft(1, at), 0), all_kinds, range(8)) AS kinds
        FROM frwatch.told_by_day AS t WHERE agency_id = {agency:String} AND provider_class = 'commercial'
    ),
    chosen AS
    (
        -- Hashes instead of the numbers: there may be nearly as many cases as searches.
        SELECT case_key, groupBitOr(kinds) AS told_kinds
        FROM
        (
            SELECT cityHash64(case) AS case_key, toUInt8(0) AS kinds, toUInt8(1) AS searches FROM ran
            UNION ALL
            SELECT case_key, toUInt8(kinds) AS kinds, toUInt8(0) AS searches FROM told
        )
        GROUP BY case_key
        ORDER BY bitTest(told_kinds, 0) DESC, told_kinds > 0 DESC, sum(searches) DESC
        LIMIT 40 WITH TIES
    )
SELECT
    s.case AS case,
    count() AS searches,
    uniqExact(s.officer) AS people,
    arrayStringConcat(arraySort(groupUniqArray(ifNull(s.crime_type, 'not stated'))), ', ') AS crimes,
    arrayStringConcat(
        arrayMap(kind -> lower(replaceAll(kind, '_', ' ')), arrayFilter((kind, at) -> bitTest(any(c.told_kinds), at), all_kinds, range(8))), ', '
    ) AS told
FROM ran AS s INNER JOIN chosen AS c ON c.case_key = cityHash64(s.case)
GROUP BY case
ORDER BY bitTest(any(c.told_kinds), 0) DESC, told != '' DESC, searches DESC, case
LIMIT 40
