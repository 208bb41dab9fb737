-- Of how many searches is any outcome told, and how long does it take?
SELECT
    s.agency_id AS agency,
    count() AS searches,
    countIf(t.outcomes > 0) AS told,
    round(100 * told / searches, 1) AS percent,
    countIf(t.outcomes > 0 AND t.first_at < s.occurred_at + INTERVAL 30 DAY) AS within_30_days
FROM frwatch.counted_searches AS s
LEFT JOIN
(
    SELECT event_id, count() AS outcomes, min(recorded_at) AS first_at FROM frwatch.search_outcomes GROUP BY event_id
) AS t ON t.event_id = s.event_id
GROUP BY agency
ORDER BY searches DESC, agency
LIMIT 40
