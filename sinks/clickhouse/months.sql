-- A new document for each of the `agencies` of a `month`.
INSERT INTO frwatch.rollup_months
(
    agency_id, month, run, settled_at, `people.person`, `people.provider_class`, `people.searches`, `people.days`,
    `services.provider_id`, `services.provider_class`, `services.operator`, `services.searches`, `services.first_at`,
    `services.last_at`, `services.people`,
    `accounts.account`, `accounts.provider_id`, `accounts.searches`, `accounts.no_case`, `accounts.last_at`, `accounts.people`,
    `galleries.kind`, `galleries.searches`, `galleries.people`
)
WITH owed AS
(
    -- Also those of which no row is left.
    SELECT arrayJoin({agencies:Array(String)}) AS agency_id
),
ran AS
(
    -- As frwatch.counted_searches has it, which a worker may not read.
    SELECT
        agency_id, occurred_at, officer, provider_id, provider_class, operator, account, gallery_kinds, case_number
    FROM frwatch.searches_raw FINAL
    WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr'
        AND agency_id IN {agencies:Array(String)} AND toYYYYMM(occurred_at) = {month:UInt32}
    SETTINGS do_not_merge_across_partitions_select_final = 1
),
people_of AS
(
    SELECT
        agency_id, groupArray(person) AS person, groupArray(provider_class) AS provider_class,
        groupArray(searches) AS searches, groupArray(days) AS days
    FROM
    (
        SELECT
            agency_id, cityHash64(assumeNotNull(officer)) AS person, provider_class, count() AS searches,
            groupBitOr(bitShiftLeft(toUInt32(1), toDayOfMonth(occurred_at) - 1)) AS days
        FROM ran WHERE isNotNull(officer)
        GROUP BY agency_id, person, provider_class
    )
    GROUP BY agency_id
),
services_of AS
(
    -- A tuple keeps nulls, which groupArray leaves out.
    SELECT
        agency_id, arrayMap(one -> one.1, groupArray(tuple(provider_id))) AS provider_id,
        groupArray(provider_class) AS provider_class, arrayMap(one -> one.1, groupArray(tuple(operator))) AS operator,
        groupArray(searches) AS searches, groupArray(first_at) AS first_at, groupArray(last_at) AS last_at,
        groupArray(people) AS people
    FROM
    (
        SELECT
            agency_id, provider_id, provider_class, any(operator) AS operator, count() AS searches,
            min(occurred_at) AS first_at, max(occurred_at) AS last_at,
            groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
        FROM ran
        GROUP BY agency_id, provider_id, provider_class
    )
    GROUP BY agency_id
),
accounts_of AS
(
    SELECT
        agency_id, groupArray(account) AS account, arrayMap(one -> one.1, groupArray(tuple(provider_id))) AS provider_id,
        groupArray(searches) AS searches, groupArray(no_case) AS no_case, groupArray(last_at) AS last_at,
        groupArray(people) AS people
    FROM
    (
        SELECT
            agency_id, assumeNotNull(account) AS account, provider_id, count() AS searches,
            countIf(isNull(case_number)) AS no_case, max(occurred_at) AS last_at,
            groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
        FROM ran WHERE ifNull(account, '') IN ('trial', 'personal')
        GROUP BY agency_id, account, provider_id
    )
    GROUP BY agency_id
),
galleries_of AS
(
    SELECT
        agency_id, arrayMap(one -> one.1, groupArray(tuple(kind))) AS kind, groupArray(searches) AS searches,
        groupArray(people) AS people
    FROM
    (
        SELECT
            agency_id, arrayJoin(if(empty(gallery_kinds), [NULL], arrayMap(each -> toNullable(toString(each)), gallery_kinds))) AS kind,
            count() AS searches, groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
        FROM ran
        GROUP BY agency_id, kind
    )
    GROUP BY agency_id
)
SELECT
    owed.agency_id, {month:UInt32}, {run:UInt64}, {settled_at:DateTime64(6, 'UTC')},
    p.person, p.provider_class, p.searches, p.days,
    s.provider_id, s.provider_class, s.operator, s.searches, s.first_at, s.last_at, s.people,
    a.account, a.provider_id, a.searches, a.no_case, a.last_at, a.people,
    g.kind, g.searches, g.people
FROM owed
LEFT JOIN people_of AS p ON p.agency_id = owed.agency_id
LEFT JOIN services_of AS s ON s.agency_id = owed.agency_id
LEFT JOIN accounts_of AS a ON a.agency_id = owed.agency_id
LEFT JOIN galleries_of AS g ON g.agency_id = owed.agency_id
