-- Which agencies searched on behalf of an agency, and in which services?
-- param agency=lapd
-- param ban=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
SELECT
    agency_id AS run_by,
    ifNull(provider_id, 'in no catalogue') AS service,
    provider_class AS class,
    countIf(occurred_at < toDateTime64({ban:String}, 6, {zone:String})) AS before,
    count() - before AS after
FROM frwatch.counted_searches
WHERE outside_agency_id = {agency:String}
GROUP BY run_by, service, class
ORDER BY after DESC, before DESC, run_by, service
