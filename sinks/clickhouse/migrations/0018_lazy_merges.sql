-- Each row is written again some two times by merges instead of some four: merging was half of what storing cost, and
-- bounded how fast a backlog goes.  A month that has come to rest for a day is merged into one part, which FINAL reads best.

ALTER TABLE frwatch.searches_raw MODIFY SETTING
    merge_selector_base = 10, min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;
ALTER TABLE frwatch.search_arrivals MODIFY SETTING merge_selector_base = 20;
