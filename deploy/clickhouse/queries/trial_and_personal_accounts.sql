-- Where do people search on trial or personal accounts, which no agency ever bought?
-- param agency=
SELECT
    agency_id AS agency,
    assumeNotNull(account) AS account_kind,
    ifNull(provider_id, 'in no catalogue') AS service,
    count() AS searches,
    uniqExact(officer) AS people,
    countIf(isNull(case_number)) AS no_case,
    formatDateTime(max(occurred_at), '%F', 'UTC') AS last_day
FROM frwatch.counted_searches
WHERE account IN ('trial', 'personal') AND ({agency:String} = '' OR agency_id = {agency:String})
GROUP BY agency, account_kind, service
ORDER BY searches DESC, agency, account_kind, service
LIMIT 40
