-- What came of the searches in each class of service: how many by the gravest outcome told?
-- param agency=lapd
WITH
    ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS gravest,
    ran AS
    (
        SELECT provider_class AS class, cityHash64(officer) AS person, count() AS times
        FROM frwatch.counted_searches
        WHERE {agency:String} = '' OR agency_id = {agency:String}
        GROUP BY class, person
    ),
    told AS
    (
        SELECT
            provider_class AS class, arrayFirst(kind -> has(kinds, kind), gravest) AS worst, t.searches AS searches,
            t.people AS people
        FROM frwatch.told_by_day AS t
        WHERE {agency:String} = '' OR agency_id = {agency:String}
    ),
    by_person AS
    (
        -- Something is told of as many searches of each as these say, of those of nobody too.
        SELECT
            class, worst,
            arrayJoin(arrayConcat(people, arrayWithConstant(searches - length(people), NULL))) AS person, count() AS times
        FROM told WHERE worst != '' GROUP BY class, worst, person
    )
SELECT
    class, if(worst = '', 'nothing told', lower(replaceAll(worst, '_', ' '))) AS outcome,
    toUInt64(sum(times)) AS searches, countIf(isNotNull(person)) AS people
FROM
(
    SELECT class, worst, person, sum(times) AS times
    FROM
    (
        SELECT class, '' AS worst, person, toInt64(times) AS times FROM ran
        UNION ALL
        SELECT class, arrayJoin(['', worst]) AS worst, person, if(worst = '', -1, 1) * toInt64(times) AS times FROM by_person
    )
    GROUP BY class, worst, person
    HAVING times > 0
)
GROUP BY class, worst
ORDER BY class, worst = '', indexOf(gravest, worst)
