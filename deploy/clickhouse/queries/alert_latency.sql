-- How long do alerts take from the finding to whoever must know, and how many never arrive?
SELECT
    route,
    destination,
    count() AS alerts,
    countIf(isNotNull(delivered_at)) AS arrived,
    countIf(outcome = 'given_up') AS given_up,
    round(quantileExactLowIf(0.5)(dateDiff('millisecond', greatest(detected_at, due_at), assumeNotNull(delivered_at)), isNotNull(delivered_at)) / 1000, 3) AS median_seconds,
    round(maxIf(dateDiff('millisecond', greatest(detected_at, due_at), assumeNotNull(delivered_at)), isNotNull(delivered_at)) / 1000, 3) AS worst_seconds,
    max(attempts) AS most_attempts
FROM frwatch.alerts_delivered
WHERE kind != 'test'
GROUP BY route, destination
ORDER BY alerts DESC, route, destination
