-- Access to a service around which no client reported a search: the searches that stay unseen.

ALTER TABLE frwatch.searches_raw COMMENT COLUMN evidence_strength
'none where nothing came of the attempt, or anyone may read the page: it breaks no rule; weak where the host does more than faces or the page is public; else full.';

CREATE VIEW IF NOT EXISTS frwatch.unreported_access AS
SELECT
    a.event_id AS event_id, a.occurred_at AS occurred_at, a.agency_id AS agency_id, a.officer AS officer, a.unit AS unit,
    a.provider_id AS provider_id, a.provider_class AS provider_class, a.operator AS operator,
    a.endpoint_host AS endpoint_host, a.endpoint AS endpoint, a.account AS account, a.source AS source,
    a.client_ip AS client_ip, a.evidence_strength AS evidence_strength,
    toUInt64OrZero(a.attributes['lines']) AS lines, toFloat64OrZero(a.attributes['duration_s']) AS duration_s,
    a.attributes['identity'] AS identity, a.attributes['look_alike'] AS look_alike,
    a.broken_rules AS broken_rules, a.certainty AS certainty
FROM frwatch.searches AS a
WHERE a.evidence = 'ACCESS' AND a.provider_class != 'not_fr' AND a.event_id NOT IN
(
    SELECT seen.event_id
    FROM
    (
        -- An hour before and after lies in the hour of the clock, the one before and the one after.
        SELECT event_id, agency_id, assumeNotNull(officer) AS person, provider_id, occurred_at,
            arrayJoin([-1, 0, 1]) + intDiv(toUnixTimestamp64Micro(occurred_at), 3600000000) AS hour
        FROM frwatch.searches WHERE evidence = 'ACCESS' AND officer IS NOT NULL
    ) AS seen
    INNER JOIN
    (
        SELECT agency_id, assumeNotNull(officer) AS person, provider_id, occurred_at,
            intDiv(toUnixTimestamp64Micro(occurred_at), 3600000000) AS hour
        FROM frwatch.searches WHERE evidence = 'SEARCH' AND officer IS NOT NULL
    ) AS told
    ON seen.agency_id = told.agency_id AND seen.person = told.person AND seen.hour = told.hour
    WHERE abs(toUnixTimestamp64Micro(seen.occurred_at) - toUnixTimestamp64Micro(told.occurred_at)) <= 3600000000
        AND (told.provider_id IS NULL OR seen.provider_id IS NULL OR told.provider_id = seen.provider_id)
)
COMMENT 'ACCESS without a SEARCH of the same person on the same (or an unnamed) service within an hour before or after: searches that no client reported, perhaps. officer is null where nobody knows who it was.';
