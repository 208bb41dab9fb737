-- What could not be read, why, and how much of it is kept as a hash only because it may hold a face.
SELECT
    reason,
    count() AS records,
    countIf(headers['withheld'] != '') AS kept_as_a_hash,
    any(detail) AS for_example
FROM frwatch.dead_letters
GROUP BY reason
ORDER BY records DESC, reason
