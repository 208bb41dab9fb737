-- Which sources have fallen silent, measured by how often they used to report?
-- param as_of=
-- param zone=America/Los_Angeles
-- as_of is a day such as 2022-01-01; today where it is empty. Usual is the median gap between days with events.
WITH
    days AS (SELECT source, toDate(occurred_at, {zone:String}) AS day FROM frwatch.searches GROUP BY source, day),
    gaps AS
    (
        SELECT source, day, dateDiff('day', lagInFrame(day, 1, day) OVER
            (PARTITION BY source ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), day) AS gap
        FROM days
    ),
    sources AS
    (
        SELECT source, count() AS days_with_events, max(day) AS last_day, quantileExactLowIf(0.5)(gap, gap > 0) AS usual_gap,
            dateDiff('day', last_day, ifNull(toDate(parseDateTimeBestEffortOrNull({as_of:String})), toDate(now64(6), {zone:String})))
                AS silent_days
        FROM gaps GROUP BY source
    )
SELECT source, days_with_events, last_day, usual_gap, silent_days, (silent_days > 3 * greatest(usual_gap, 1))::Bool AS silent
FROM sources
ORDER BY silent DESC, silent_days DESC, source
LIMIT 40
