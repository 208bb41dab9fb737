-- Which sources report their searches late, and how late?
SELECT
    source,
    count() AS events,
    countIf(ingested_at < occurred_at + INTERVAL 1 HOUR) AS within_an_hour,
    countIf(ingested_at >= occurred_at + INTERVAL 1 HOUR AND ingested_at < occurred_at + INTERVAL 1 DAY) AS within_a_day,
    countIf(ingested_at >= occurred_at + INTERVAL 1 DAY AND ingested_at < occurred_at + INTERVAL 30 DAY) AS within_30_days,
    countIf(ingested_at >= occurred_at + INTERVAL 30 DAY) AS later
FROM frwatch.searches
GROUP BY source
ORDER BY later DESC, within_30_days DESC, events DESC, source
LIMIT 40
