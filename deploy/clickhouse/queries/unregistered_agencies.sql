-- Which names of agencies are in no register: aliases that are missing, or strangers?
SELECT
    name,
    sum(searched) AS as_searcher,
    sum(asked) AS as_requester,
    formatDateTime(max(last), '%F', 'UTC') AS last_day
FROM
(
    SELECT agency_id AS name, count() AS searched, 0 AS asked, max(occurred_at) AS last
    FROM frwatch.searches WHERE NOT agency_known GROUP BY name
    UNION ALL
    SELECT assumeNotNull(requesting_agency_id) AS name, 0 AS searched, count() AS asked, max(occurred_at) AS last
    FROM frwatch.searches WHERE requesting_agency_known = false GROUP BY name
)
GROUP BY name
ORDER BY as_searcher + as_requester DESC, name
LIMIT 40
