-- What came of the searches in each class of service: how many by the gravest outcome told?
-- param agency=lapd
WITH
    ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN', ''] AS gravest,
    counted AS
    (
        -- What is told, of whom: people are hashes, and 0 stands for all who are not named.
        SELECT
            provider_class AS class, toUInt8(arrayFirstIndex(kind -> has(kinds, kind), gravest)) AS worst,
            arrayJoin(arrayConcat(people, arrayWithConstant(searches - length(people), 0))) AS person,
            count() AS told, 0 AS ran, 0 AS all_there_are
        FROM frwatch.told_by_day
        WHERE notEmpty(kinds) AND ({agency:String} = '' OR agency_id = {agency:String})
        GROUP BY class, worst, person
        UNION ALL
        SELECT provider_class AS class, 0 AS worst, person, 0 AS told, sum(searches) AS ran, 0 AS all_there_are
        FROM frwatch.people_by_month
        WHERE {agency:String} = '' OR agency_id = {agency:String}
        GROUP BY class, person
        UNION ALL
        SELECT provider_class AS class, 0 AS worst, 0 AS person, 0 AS told, 0 AS ran, sum(searches) AS all_there_are
        FROM frwatch.searches_by_day
        WHERE evidence = 'SEARCH' AND provider_class != 'not_fr' AND ({agency:String} = '' OR agency_id = {agency:String})
        GROUP BY class
    ),
    of_people AS
    (
        -- Nothing is told of what is left of all that there are, and of whoever ran more than is told of.
        SELECT
            class,
            arrayJoin(arrayConcat(
                groupArrayIf((worst, toInt64(c.told), person != 0), worst > 0),
                [(toUInt8(9), toInt64(sum(all_there_are)) - toInt64(sum(c.told)), person != 0 AND sum(ran) > sum(c.told))]
            )) AS one
        FROM counted AS c GROUP BY class, person
    )
SELECT
    class,
    if(one.1 = 9, 'nothing told', lower(replaceAll(gravest[one.1], '_', ' '))) AS outcome,
    toUInt64(sum(one.2)) AS searches,
    sum(one.3) AS people
FROM of_people
GROUP BY class, one.1
HAVING searches > 0
ORDER BY class, one.1
