-- Who searches how often, in which services, on whose accounts and among whose faces is rolled up by month: people are
-- counted once over any time, so a day's list of them would be nearly as long as its searches.
--
-- As with days, there is one document for each agency and month, replaced whole.  A month changes as long as it lasts, and
-- would have to be made anew all day; so its document is made once it has rested (sinks/clickhouse/months.py), and until
-- then it is counted from the table.  Outcomes and findings mark days for months after their searches, and change nothing
-- of this: so what searches alone touch is marked by itself.

CREATE TABLE IF NOT EXISTS frwatch.rollup_search_marks
(
    agency_id LowCardinality(String) COMMENT 'The agency.',
    day Date32 COMMENT 'Day of the search, UTC.',
    marked_at DateTime64(6, 'UTC') COMMENT 'When an insert that touches them began, by the engine''s clock, UTC; merges leave the last.'
)
ENGINE = ReplacingMergeTree(marked_at)
ORDER BY (agency_id, day)
-- What is inserted again under its token marks again.
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0
COMMENT 'Agencies and days whose searches were touched.';

CREATE TABLE IF NOT EXISTS frwatch.rollup_months
(
    agency_id LowCardinality(String) COMMENT 'The agency.',
    month UInt32 COMMENT 'Month of the searches, UTC, as 202502.',
    run UInt64 COMMENT 'Rises with settled_at: of the documents of an agency and month the highest counts.',
    settled_at DateTime64(6, 'UTC') COMMENT 'When it was begun, by the engine''s clock, UTC.',
    `people.person` Array(UInt64) COMMENT 'Of each person''s count of what counts as a search: a hash of the pseudonym.',
    `people.provider_class` Array(LowCardinality(String)) COMMENT 'The class of the services.',
    `people.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    `people.days` Array(UInt32) COMMENT 'On which days of the month (UTC), one bit each: the lowest is the first.',
    `services.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'Of each service''s count of what counts as a search: the provider; null for a service in no catalogue.',
    `services.provider_class` Array(LowCardinality(String)) COMMENT 'Its class.',
    `services.operator` Array(LowCardinality(Nullable(String))) COMMENT 'Who operated it; null where the catalogue does not say.',
    `services.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    `services.first_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the first of them was, UTC.',
    `services.last_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the last of them was, UTC.',
    `services.people` Array(Array(UInt64)) COMMENT 'Hashes of the pseudonyms of who it was, each once.',
    `accounts.account` Array(LowCardinality(String)) COMMENT 'Of each count of searches on accounts that no agency bought: trial or personal.',
    `accounts.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'The provider; null for a service in no catalogue.',
    `accounts.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    `accounts.no_case` Array(UInt64) COMMENT 'How many of these name no case.',
    `accounts.last_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the last of them was, UTC.',
    `accounts.people` Array(Array(UInt64)) COMMENT 'Hashes of the pseudonyms of who it was, each once.',
    `galleries.kind` Array(LowCardinality(Nullable(String))) COMMENT 'Of each count by whose faces were searched: the kind of gallery; null where none is stated.',
    `galleries.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches; one in galleries of several kinds counts in each.',
    `galleries.people` Array(Array(UInt64)) COMMENT 'Hashes of the pseudonyms of who it was, each once.'
)
ENGINE = ReplacingMergeTree(run)
ORDER BY (agency_id, month)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What was counted of each agency and month. Query frwatch.people_by_month and its like instead.';

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.rollup_search_marks_of_searches TO frwatch.rollup_search_marks AS
SELECT agency_id, toDate32(occurred_at) AS day, now64(6, 'UTC') AS marked_at
FROM frwatch.searches_raw GROUP BY agency_id, day;
-- It writes with the rights of whoever migrates, as those of days.
ALTER TABLE frwatch.rollup_search_marks_of_searches MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;
ALTER TABLE frwatch.rollup_search_marks_of_searches MODIFY COMMENT 'Marks the agencies and days of searches that come.';

-- What was stored before.
INSERT INTO frwatch.rollup_search_marks
SELECT DISTINCT agency_id, toDate32(occurred_at), now64(6, 'UTC') FROM frwatch.searches_raw;

CREATE VIEW IF NOT EXISTS frwatch.rollup_month_states SQL SECURITY INVOKER AS
SELECT
    agency_id, month, max(marked) AS marked_at, max(settled) AS settled_at,
    settled_at >= marked_at + toIntervalSecond(30) AS counts
FROM
(
    SELECT agency_id, toYYYYMM(day) AS month, marked_at AS marked, toDateTime64(0, 6, 'UTC') AS settled
    FROM frwatch.rollup_search_marks
    UNION ALL
    SELECT agency_id, month, toDateTime64(0, 6, 'UTC') AS marked, settled_at AS settled FROM frwatch.rollup_months
)
GROUP BY agency_id, month
COMMENT 'Which documents of months count. Agencies and months of all others are counted from the table itself.';

-- Both halves of a view ask for the same set, which the engine makes once: nothing falls between them.
CREATE VIEW IF NOT EXISTS frwatch.rollup_months_open SQL SECURITY INVOKER AS
SELECT agency_id, month FROM frwatch.rollup_month_states WHERE NOT counts
COMMENT 'Agencies and months that are counted from the table itself: they were touched after their document was made.';

CREATE VIEW IF NOT EXISTS frwatch.people_by_month SQL SECURITY INVOKER AS
SELECT
    agency_id, month, people.person AS person, people.provider_class AS provider_class, people.searches AS searches,
    people.days AS days
FROM frwatch.rollup_months FINAL ARRAY JOIN people
WHERE (agency_id, month) NOT IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
UNION ALL
SELECT
    agency_id, toYYYYMM(occurred_at) AS month, cityHash64(assumeNotNull(officer)) AS person, provider_class,
    count() AS searches, groupBitOr(bitShiftLeft(toUInt32(1), toDayOfMonth(occurred_at) - 1)) AS days
FROM frwatch.counted_searches
WHERE isNotNull(officer) AND (agency_id, toYYYYMM(occurred_at)) IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
GROUP BY agency_id, month, person, provider_class
COMMENT 'How many searches each person ran in each month (UTC), by agency and class of service. Persons are hashes of their pseudonyms: cityHash64(officer).';

CREATE VIEW IF NOT EXISTS frwatch.services_by_month SQL SECURITY INVOKER AS
SELECT
    agency_id, month, services.provider_id AS provider_id, services.provider_class AS provider_class,
    services.operator AS operator, services.searches AS searches, services.first_at AS first_at,
    services.last_at AS last_at, services.people AS people
FROM frwatch.rollup_months FINAL ARRAY JOIN services
WHERE (agency_id, month) NOT IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
UNION ALL
SELECT
    agency_id, toYYYYMM(occurred_at) AS month, provider_id, provider_class, any(operator) AS operator,
    count() AS searches, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
    groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
FROM frwatch.counted_searches
WHERE (agency_id, toYYYYMM(occurred_at)) IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
GROUP BY agency_id, month, provider_id, provider_class
COMMENT 'How many searches there were in each service in each month (UTC), by agency. How many people those were over several months: uniqExactArray(people).';

CREATE VIEW IF NOT EXISTS frwatch.private_accounts_by_month SQL SECURITY INVOKER AS
SELECT
    agency_id, month, accounts.account AS account, accounts.provider_id AS provider_id, accounts.searches AS searches,
    accounts.no_case AS no_case, accounts.last_at AS last_at, accounts.people AS people
FROM frwatch.rollup_months FINAL ARRAY JOIN accounts
WHERE (agency_id, month) NOT IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
UNION ALL
SELECT
    agency_id, toYYYYMM(occurred_at) AS month, assumeNotNull(account) AS account, provider_id,
    count() AS searches, countIf(isNull(case_number)) AS no_case, max(occurred_at) AS last_at,
    groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
FROM frwatch.counted_searches
WHERE ifNull(account, '') IN ('trial', 'personal')
    AND (agency_id, toYYYYMM(occurred_at)) IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
GROUP BY agency_id, month, account, provider_id
COMMENT 'How many searches there were on trial and personal accounts in each month (UTC), by agency and service. How many people those were over several months: uniqExactArray(people).';

CREATE VIEW IF NOT EXISTS frwatch.galleries_by_month SQL SECURITY INVOKER AS
SELECT agency_id, month, galleries.kind AS kind, galleries.searches AS searches, galleries.people AS people
FROM frwatch.rollup_months FINAL ARRAY JOIN galleries
WHERE (agency_id, month) NOT IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
UNION ALL
SELECT
    agency_id, toYYYYMM(occurred_at) AS month,
    arrayJoin(if(empty(gallery_kinds), [NULL], arrayMap(each -> toNullable(toString(each)), gallery_kinds))) AS kind, count() AS searches,
    groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
FROM frwatch.counted_searches
WHERE (agency_id, toYYYYMM(occurred_at)) IN (SELECT agency_id, month FROM frwatch.rollup_months_open)
GROUP BY agency_id, month, kind
COMMENT 'How many searches there were among each kind of faces in each month (UTC), by agency; one in galleries of several kinds counts in each. How many people those were over several months: uniqExactArray(people).';

ALTER TABLE frwatch.rollup_month_states
    COMMENT COLUMN marked_at 'When their searches were touched last, by the engine''s clock, UTC; 1970 where they never were.',
    COMMENT COLUMN settled_at 'When the last document was begun, by the engine''s clock, UTC; 1970 where there is none.',
    COMMENT COLUMN counts 'Whether that document counts.';

ALTER TABLE frwatch.people_by_month
    COMMENT COLUMN person 'A hash of the pseudonym: cityHash64(officer).',
    COMMENT COLUMN provider_class 'The class of the services.',
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN days 'On which days of the month (UTC), one bit each: the lowest is the first.';

ALTER TABLE frwatch.services_by_month
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN first_at 'When the first of them was, UTC.',
    COMMENT COLUMN last_at 'When the last of them was, UTC.',
    COMMENT COLUMN people 'Hashes of the pseudonyms of who it was, each once.';

ALTER TABLE frwatch.private_accounts_by_month
    COMMENT COLUMN account 'trial or personal.',
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN no_case 'How many of these name no case.',
    COMMENT COLUMN last_at 'When the last of them was, UTC.',
    COMMENT COLUMN people 'Hashes of the pseudonyms of who it was, each once.';

ALTER TABLE frwatch.galleries_by_month
    COMMENT COLUMN kind 'The kind of gallery; null where none is stated.',
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches; one in galleries of several kinds counts in each.',
    COMMENT COLUMN people 'Hashes of the pseudonyms of who it was, each once.';
