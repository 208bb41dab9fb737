-- A new document for each agency whose document of one of the `days` counts no more, unless it is still being touched.
INSERT INTO frwatch.rollup_documents
(
    agency_id, day, run, document, settled_at,
    `hours.hour`, `hours.provider_id`, `hours.provider_class`, `hours.evidence`, `hours.searches`, `hours.forbidden`,
    `hours.confirmed`,
    `days.provider_id`, `days.provider_class`, `days.evidence`, `days.searches`, `days.forbidden`, `days.confirmed`,
    `rules.policy_id`, `rules.rule_id`, `rules.provider_id`, `rules.evidence`, `rules.searches`,
    `findings.policy_id`, `findings.rule_id`, `findings.severity`, `findings.certainty`, `findings.provider_id`,
    `findings.violations`,
    shape,
    `sources.source`, `sources.evidence`, `sources.events`, `sources.no_person`, `sources.no_service`, `sources.no_case`,
    `sources.no_result`, `sources.no_image_hash`,
    `crimes.crime_type`, `crimes.searches`, `crimes.with_candidates`, `crimes.told`, `crimes.told_within_30_days`,
    `crimes.led_to_action`, `crimes.arrests_without_candidates`,
    `unreported.provider_id`, `unreported.endpoint_host`, `unreported.source`, `unreported.times`, `unreported.unnamed`,
    `unreported.last_at`, `unreported.people`,
    `faces.age_band`, `faces.race`, `faces.gender`, `faces.matches`,
    `told.provider_class`, `told.kinds`, `told.searches`, `told.people`, `told.cases`,
    `units.unit`, `units.searches`, `units.no_case`, `units.no_crime`, `units.no_approval`
)
WITH owed AS
(
    SELECT agency_id, day FROM frwatch.rollup_states
    WHERE day IN {days:Array(Date32)} AND NOT counts
        AND marked_at <= {settled_at:DateTime64(6, 'UTC')} - toIntervalSecond(30)
),
counted AS
(
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
),
sources_of AS
(
    SELECT
        agency_id, day, groupArray(source) AS source, groupArray(evidence) AS evidence, groupArray(events) AS events,
        groupArray(no_person) AS no_person, groupArray(no_service) AS no_service, groupArray(no_case) AS no_case,
        groupArray(no_result) AS no_result, groupArray(no_image_hash) AS no_image_hash
    FROM
    (
        SELECT
            agency_id, toDate32(occurred_at) AS day, source, evidence, count() AS events,
            countIf(isNull(officer)) AS no_person,
            countIf(isNull(provider) AND isNull(endpoint) AND NOT expunged) AS no_service,
            countIf(isNull(case_number)) AS no_case, countIf(isNull(candidates)) AS no_result,
            countIf(isNull(probe_hash) AND NOT expunged) AS no_image_hash
        FROM frwatch.searches_raw FINAL
        WHERE NOT superseded AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
        GROUP BY agency_id, day, source, evidence
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    GROUP BY agency_id, day
),
outcomes_by_event AS
(
    SELECT
        assumeNotNull(event_id) AS event_id, count() AS outcomes, min(recorded_at) AS first_at,
        countIf(kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')) AS actions,
        countIf(kind IN ('ARREST', 'CHARGE', 'CONVICTION')) AS arrests,
        groupBitOr(bitShiftLeft(toUInt16(1), indexOf(['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'], kind))) AS kinds,
        groupUniqArrayIf(
            tuple(nullIf(age_band, 'not stated'), nullIf(race, 'not stated'), nullIf(gender, 'not stated')),
            kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
        ) AS faces
    FROM frwatch.outcomes_raw FINAL
    PREWHERE outcome_id IN
    (
        SELECT outcome_id FROM frwatch.outcomes_raw WHERE event_id IN
        (
            SELECT event_id FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
        )
    )
    WHERE isNotNull(event_id)
    GROUP BY event_id
),
outcomes_by_case AS
(
    SELECT
        agency_id, assumeNotNull(case_number) AS of_case, true AS has_case, count() AS outcomes,
        min(recorded_at) AS first_at,
        countIf(kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')) AS actions,
        countIf(kind IN ('ARREST', 'CHARGE', 'CONVICTION')) AS arrests,
        groupBitOr(bitShiftLeft(toUInt16(1), indexOf(['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'], kind))) AS kinds,
        groupUniqArrayIf(
            tuple(nullIf(age_band, 'not stated'), nullIf(race, 'not stated'), nullIf(gender, 'not stated')),
            kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
        ) AS faces
    FROM frwatch.outcomes_raw FINAL
    PREWHERE outcome_id IN
    (
        SELECT outcome_id FROM frwatch.outcomes_raw WHERE case_key IN
        (
            SELECT cityHash64(agency_id, ifNull(case_number, '')) FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
        )
    )
    WHERE isNull(event_id) AND isNotNull(case_number)
    GROUP BY agency_id, of_case
),
came_of AS
(
    -- Searches are looked at once for all four lists, as their outcomes take long to find.
    SELECT
        agency_id, day,
        arrayMap(one -> one.1, groupArrayIf(tuple(g.crime_type), of_crime)) AS crime_type,
        groupArrayIf(g.searches, of_crime) AS searches, groupArrayIf(g.with_candidates, of_crime) AS with_candidates,
        groupArrayIf(g.told, of_crime) AS told, groupArrayIf(g.told_within_30_days, of_crime) AS told_within_30_days,
        groupArrayIf(g.led_to_action, of_crime) AS led_to_action,
        groupArrayIf(g.arrests_without_candidates, of_crime) AS arrests_without_candidates,
        arrayMap(one -> one.1, groupArrayIf(tuple(g.age_band), of_face)) AS age_band,
        arrayMap(one -> one.1, groupArrayIf(tuple(g.race), of_face)) AS race,
        arrayMap(one -> one.1, groupArrayIf(tuple(g.gender), of_face)) AS gender, groupArrayIf(g.matches, of_face) AS matches,
        groupArrayIf(g.provider_class, of_told) AS provider_class,
        groupArrayIf(
            arrayFilter(
                (kind, at) -> bitTest(g.kinds, at),
                ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'], range(1, 9)
            ), of_told
        ) AS kinds,
        groupArrayIf(g.searches, of_told) AS told_searches, groupArrayIf(g.people, of_told) AS people,
        groupArrayIf(g.cases, of_told) AS cases,
        arrayMap(one -> one.1, groupArrayIf(tuple(g.unit), of_unit)) AS unit, groupArrayIf(g.searches, of_unit) AS unit_searches,
        groupArrayIf(g.no_case, of_unit) AS no_case, groupArrayIf(g.no_crime, of_unit) AS no_crime,
        groupArrayIf(g.no_approval, of_unit) AS no_approval
    FROM
    (
        SELECT
            agency_id, day, crime_type, provider_class, kinds, face.1 AS age_band, face.2 AS race, face.3 AS gender, unit,
            -- A search is there once for each face, and counts where it is the first.
            countIf(nth < 2) AS searches, countIf(nth < 2 AND candidates > 0) AS with_candidates,
            countIf(nth < 2 AND outcomes > 0) AS told, countIf(nth < 2 AND soon) AS told_within_30_days,
            countIf(nth < 2 AND actions > 0) AS led_to_action,
            countIf(nth < 2 AND candidates = 0 AND arrests > 0) AS arrests_without_candidates,
            countIf(nth < 2 AND lacks_case) AS no_case,
            countIf(nth < 2 AND empty(trimBoth(ifNull(crime_type, '')))) AS no_crime,
            countIf(nth < 2 AND empty(trimBoth(ifNull(approved_by, '')))) AS no_approval, countIf(nth > 0) AS matches,
            groupArrayIf(assumeNotNull(person), nth < 2 AND kinds > 0 AND isNotNull(person)) AS people,
            groupArrayIf(case_key, nth < 2 AND kinds > 0 AND has_case) AS cases,
            grouping(crime_type) = 0 AS of_crime, grouping(kinds) = 0 AND kinds > 0 AS of_told,
            grouping(age_band) = 0 AND matches > 0 AS of_face, grouping(unit) = 0 AS of_unit
        FROM
        (
            SELECT
                s.agency_id AS agency_id, s.day AS day, crime_type, provider_class, candidates, person,
                s.has_case AS has_case, cityHash64(s.of_case) AS case_key, empty(trimBoth(s.of_case)) AS lacks_case, unit, approved_by,
                e.outcomes + c.outcomes AS outcomes, e.actions + c.actions AS actions, e.arrests + c.arrests AS arrests,
                (e.outcomes > 0 AND e.first_at < until) OR (c.outcomes > 0 AND c.first_at < until) AS soon,
                bitOr(e.kinds, c.kinds) AS kinds, arrayDistinct(arrayConcat(e.faces, c.faces)) AS faces
            FROM
            (
                SELECT
                    event_id, agency_id, toDate32(occurred_at) AS day, occurred_at + toIntervalDay(30) AS until,
                    ifNull(case_number, '') AS of_case, isNotNull(case_number) AS has_case, crime_type, candidates,
                    provider_class, cityHash64(officer) AS person, unit, approved_by
                FROM frwatch.searches_raw FINAL
                WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr'
                    AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
                SETTINGS do_not_merge_across_partitions_select_final = 1
            ) AS s
            LEFT JOIN outcomes_by_event AS e USING (event_id)
            LEFT JOIN outcomes_by_case AS c USING (agency_id, of_case, has_case)
        )
        LEFT ARRAY JOIN faces AS face, arrayEnumerate(faces) AS nth
        GROUP BY GROUPING SETS
        (
            (agency_id, day, crime_type), (agency_id, day, provider_class, kinds), (agency_id, day, age_band, race, gender),
            (agency_id, day, unit)
        )
    ) AS g
    GROUP BY agency_id, day
),
unreported_of AS
(
    SELECT
        agency_id, day, arrayMap(one -> one.1, groupArray(tuple(provider_id))) AS provider_id,
        arrayMap(one -> one.1, groupArray(tuple(endpoint_host))) AS endpoint_host, groupArray(source) AS source,
        groupArray(times) AS times, groupArray(unnamed) AS unnamed, groupArray(last_at) AS last_at,
        groupArray(people) AS people
    FROM
    (
        SELECT
            agency_id, toDate32(occurred_at) AS day, provider_id, endpoint_host, source, count() AS times,
            countIf(isNull(officer)) AS unnamed, max(occurred_at) AS last_at,
            groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
        FROM frwatch.searches_raw FINAL
        WHERE NOT superseded AND evidence = 'ACCESS' AND provider_class != 'not_fr'
            AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
            AND event_id NOT IN
            (
                -- As frwatch.unreported_access has it.
                SELECT seen.event_id
                FROM
                (
                    SELECT agency_id, assumeNotNull(officer) AS person, provider_id, occurred_at,
                        intDiv(toUnixTimestamp64Micro(occurred_at), 3600000000) AS hour
                    FROM frwatch.searches_raw FINAL
                    WHERE NOT superseded AND evidence = 'SEARCH' AND isNotNull(officer)
                        AND (agency_id, toDate32(occurred_at)) IN
                            (SELECT agency_id, arrayJoin([day - 1, day, day + 1]) FROM owed)
                    SETTINGS do_not_merge_across_partitions_select_final = 1
                ) AS told
                INNER JOIN
                (
                    SELECT event_id, agency_id, assumeNotNull(officer) AS person, provider_id, occurred_at,
                        arrayJoin([-1, 0, 1]) + intDiv(toUnixTimestamp64Micro(occurred_at), 3600000000) AS hour
                    FROM frwatch.searches_raw FINAL
                    WHERE NOT superseded AND evidence = 'ACCESS' AND isNotNull(officer)
                        AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM owed)
                    SETTINGS do_not_merge_across_partitions_select_final = 1
                ) AS seen
                ON seen.agency_id = told.agency_id AND seen.person = told.person AND seen.hour = told.hour
                WHERE abs(toUnixTimestamp64Micro(seen.occurred_at) - toUnixTimestamp64Micro(told.occurred_at)) <= 3600000000
                    AND (told.provider_id IS NULL OR seen.provider_id IS NULL OR told.provider_id = seen.provider_id)
            )
        GROUP BY agency_id, day, provider_id, endpoint_host, source
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    GROUP BY agency_id, day
)
SELECT
    counted.*, 3 AS shape,
    s.source, s.evidence, s.events, s.no_person, s.no_service, s.no_case, s.no_result, s.no_image_hash,
    c.crime_type, c.searches, c.with_candidates, c.told, c.told_within_30_days, c.led_to_action,
    c.arrests_without_candidates,
    u.provider_id, u.endpoint_host, u.source, u.times, u.unnamed, u.last_at, u.people,
    c.age_band, c.race, c.gender, c.matches, c.provider_class, c.kinds, c.told_searches, c.people, c.cases,
    c.unit, c.unit_searches, c.no_case, c.no_crime, c.no_approval
FROM counted
LEFT JOIN sources_of AS s ON s.agency_id = counted.agency_id AND s.day = counted.day
LEFT JOIN came_of AS c ON c.agency_id = counted.agency_id AND c.day = counted.day
LEFT JOIN unreported_of AS u ON u.agency_id = counted.agency_id AND u.day = counted.day
