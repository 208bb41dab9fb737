-- Whether the agency that asked is in the register: a name that is not may be a known agency, written otherwise.

ALTER TABLE frwatch.searches_raw ADD COLUMN IF NOT EXISTS requesting_agency_known Nullable(Bool)
COMMENT 'Whether requesting_agency_id is in the agency register; null where it names nobody.'
AFTER requesting_agency_id;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW frwatch.searches AS SELECT * FROM frwatch.searches_raw FINAL
COMMENT 'One row a search, or sign of one: the first copy that arrived.';
