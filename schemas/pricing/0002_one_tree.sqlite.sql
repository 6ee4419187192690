-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE price_next (
  sku text NOT NULL REFERENCES priced_sku (sku),
  currency text NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (sku, currency)
) WITHOUT ROWID;
INSERT INTO price_next (sku, currency, amount)
  SELECT sku, currency, amount FROM price;
DROP TABLE price;
ALTER TABLE price_next RENAME TO price;
