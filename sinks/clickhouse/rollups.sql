-- A new document for each agency whose document of one of the `days` counts no more, unless it is still being touched.
INSERT INTO frwatch.rollup_documents
(
    agency_id, day, run, document, settled_at,
    `hours.hour`, `hours.provider_id`, `hours.provider_class`, `hours.evidence`, `hours.searches`, `hours.forbidden`,
    `hours.confirmed`,
    `days.provider_id`, `days.provider_class`, `days.evidence`, `days.searches`, `days.forbidden`, `days.confirmed`,
    `rules.policy_id`, `rules.rule_id`, `rules.provider_id`, `rules.evidence`, `rules.searches`,
    `findings.policy_id`, `findings.rule_id`, `findings.severity`, `findings.certainty`, `findings.provider_id`,
    `findings.violations`
)
WITH owed AS
(
    SELECT agency_id, day FROM frwatch.rollup_states
    WHERE day IN {days:Array(Date32)} AND NOT counts
        AND marked_at <= {settled_at:DateTime64(6, 'UTC')} - toIntervalSecond(30)
)
-- A tuple keeps nulls, which groupArray leaves out.
SELECT
    agency_id, day, {run:UInt64} AS run, sipHash64(agency_id, day, run) AS document, {settled_at:DateTime64(6, 'UTC')} AS settled_at,
    arrayFlatten(groupArray(hour)),
    arrayFlatten(groupArray(arrayMap(each -> provider_id, hour))),
    arrayFlatten(groupArray(arrayMap(each -> provider_class, hour))),
    arrayFlatten(groupArray(arrayMap(each -> evidence, hour))),
    arrayFlatten(groupArray(hour_searches)), arrayFlatten(groupArray(hour_forbidden)), arrayFlatten(groupArray(hour_confirmed)),
    arrayMap(one -> one.1, groupArrayIf(tuple(provider_id), kind = 'day')), groupArrayIf(provider_class, kind = 'day'), groupArrayIf(evidence, kind = 'day'),
    groupArrayIf(searches, kind = 'day'), groupArrayIf(forbidden, kind = 'day'), groupArrayIf(confirmed, kind = 'day'),
    groupArrayIf(policy_id, kind = 'rule'), groupArrayIf(rule_id, kind = 'rule'), arrayMap(one -> one.1, groupArrayIf(tuple(provider_id), kind = 'rule')),
    groupArrayIf(evidence, kind = 'rule'), groupArrayIf(searches, kind = 'rule'),
    groupArrayIf(policy_id, kind = 'finding'), groupArrayIf(rule_id, kind = 'finding'),
    groupArrayIf(severity, kind = 'finding'), groupArrayIf(certainty, kind = 'finding'),
    arrayMap(one -> one.1, groupArrayIf(tuple(provider_id), kind = 'finding')), groupArrayIf(searches, kind = 'finding')
FROM
(
    SELECT
        agency_id, day, 'day' AS kind, provider_id, provider_class, evidence,
        sum(n) AS searches, sum(broken) AS forbidden, sum(sure) AS confirmed,
        groupArray(hour_of) AS hour, groupArray(n) AS hour_searches, groupArray(broken) AS hour_forbidden,
        groupArray(sure) AS hour_confirmed, '' AS policy_id, '' AS rule_id, '' AS severity, '' AS certainty
    FROM
    (
        SELECT
            agency_id, toDate32(occurred_at) AS day, provider_id, provider_class, evidence, toHour(occurred_at) AS hour_of,
            count() AS n, countIf(notEmpty(broken_rules)) AS broken, countIf(certainty = 'CONFIRMED') AS sure
        FROM frwatch.searches_raw FINAL
        WHERE NOT superseded AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
        GROUP BY agency_id, day, provider_id, provider_class, evidence, hour_of
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    GROUP BY agency_id, day, provider_id, provider_class, evidence
    UNION ALL
    SELECT
        agency_id, toDate32(occurred_at) AS day, 'rule' AS kind, provider_id, '' AS provider_class, evidence,
        count() AS searches, 0 AS forbidden, 0 AS confirmed,
        [] AS hour, [] AS hour_searches, [] AS hour_forbidden, [] AS hour_confirmed,
        splitByChar('/', rule)[1] AS policy_id, splitByChar('/', rule)[2] AS rule_id, '' AS severity, '' AS certainty
    FROM frwatch.searches_raw FINAL ARRAY JOIN broken_rules AS rule
    WHERE NOT superseded AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
    GROUP BY agency_id, day, provider_id, evidence, rule
    SETTINGS do_not_merge_across_partitions_select_final = 1
    UNION ALL
    SELECT
        agency_id, toDate32(occurred_at) AS day, 'finding' AS kind, provider_id, '' AS provider_class, '' AS evidence,
        count() AS searches, 0 AS forbidden, 0 AS confirmed,
        [] AS hour, [] AS hour_searches, [] AS hour_forbidden, [] AS hour_confirmed,
        policy_id, rule_id, severity, certainty
    FROM frwatch.violations_raw FINAL
    PREWHERE violation_id IN
    (
        SELECT violation_id FROM frwatch.violations_raw
        WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
    )
    WHERE NOT superseded AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
    GROUP BY agency_id, day, provider_id, policy_id, rule_id, severity, certainty
    UNION ALL
    -- Also of those that have no row left.
    SELECT
        agency_id, day, 'none' AS kind, NULL AS provider_id, '' AS provider_class, '' AS evidence,
        0 AS searches, 0 AS forbidden, 0 AS confirmed,
        [] AS hour, [] AS hour_searches, [] AS hour_forbidden, [] AS hour_confirmed,
        '' AS policy_id, '' AS rule_id, '' AS severity, '' AS certainty
    FROM owed
)
GROUP BY agency_id, day
