-- Which policies a search was judged by, also where it broke none of their rules.

ALTER TABLE frwatch.searches_raw ADD COLUMN IF NOT EXISTS policies_version LowCardinality(String)
COMMENT 'Version of the set of policies that judged it; empty where it was judged before the column was there.'
AFTER catalogue_version;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW frwatch.searches AS SELECT * FROM frwatch.searches_raw FINAL
COMMENT 'One row a search, or sign of one: the first copy that arrived.';
