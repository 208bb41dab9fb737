-- Of how many searches is any outcome told, and how long does it take?
SELECT
    agency_id AS agency,
    sum(o.searches) AS searches,
    sum(o.told) AS told,
    round(100 * told / searches, 1) AS percent,
    sum(told_within_30_days) AS within_30_days
FROM frwatch.outcomes_by_day AS o
GROUP BY agency
ORDER BY searches DESC, agency
LIMIT 40
