-- Who searches at night, when nobody may be there to approve it?
-- param agency=
-- param from_hour=22
-- param to_hour=5
-- param zone=America/Los_Angeles
WITH at_night AS
(
    SELECT agency_id, unit, count() AS times, countIf(isNull(approved_by)) AS not_approved
    FROM frwatch.counted_searches
    WHERE (toHour(occurred_at, {zone:String}) >= {from_hour:UInt8} OR toHour(occurred_at, {zone:String}) < {to_hour:UInt8})
        AND ({agency:String} = '' OR agency_id = {agency:String})
    GROUP BY agency_id, unit
)
SELECT
    agency_id AS agency,
    ifNull(unit, 'not stated') AS of_unit,
    sum(u.searches) AS searches,
    sum(u.at_night) AS at_night,
    sum(u.not_approved) AS not_approved,
    round(100 * at_night / searches, 1) AS percent
FROM
(
    SELECT agency_id, unit, searches, 0 AS at_night, 0 AS not_approved FROM frwatch.units_by_day
    WHERE {agency:String} = '' OR agency_id = {agency:String}
    UNION ALL
    SELECT agency_id, unit, 0 AS searches, times AS at_night, not_approved FROM at_night
) AS u
GROUP BY agency, of_unit
-- An agency sees the searches that others ran for it, and of these no total.
HAVING at_night > 0 AND searches > 0
ORDER BY at_night DESC, agency, of_unit
LIMIT 40
