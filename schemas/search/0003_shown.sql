-- What a product's page shows is its version unless it is marked as stale: whoever renders writes no row that whoever marks writes too.
ALTER TABLE search_product DROP COLUMN shown_version;
