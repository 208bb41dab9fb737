-- Who searches at night, when nobody may be there to approve it?
-- param agency=
-- param from_hour=22
-- param to_hour=5
-- param zone=America/Los_Angeles
SELECT
    agency_id AS agency,
    ifNull(unit, 'not stated') AS of_unit,
    count() AS searches,
    countIf(toHour(occurred_at, {zone:String}) >= {from_hour:UInt8} OR toHour(occurred_at, {zone:String}) < {to_hour:UInt8})
        AS at_night,
    countIf((toHour(occurred_at, {zone:String}) >= {from_hour:UInt8} OR toHour(occurred_at, {zone:String}) < {to_hour:UInt8})
        AND isNull(approved_by)) AS not_approved,
    round(100 * at_night / searches, 1) AS percent
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, of_unit
HAVING at_night > 0
ORDER BY at_night DESC, agency, of_unit
LIMIT 40
