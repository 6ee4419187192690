-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE stock_level_next (
  sku text NOT NULL REFERENCES stock_item (sku),
  location_id text NOT NULL REFERENCES stock_location (id),
  on_hand bigint NOT NULL,
  reserved bigint NOT NULL,
  PRIMARY KEY (sku, location_id),
  CHECK (0 <= reserved AND reserved <= on_hand)
) WITHOUT ROWID;
INSERT INTO stock_level_next (sku, location_id, on_hand, reserved)
  SELECT sku, location_id, on_hand, reserved FROM stock_level;
DROP TABLE stock_level;
ALTER TABLE stock_level_next RENAME TO stock_level;

CREATE TABLE reservation_line_next (
  reservation_id text NOT NULL REFERENCES reservation (id),
  sku text NOT NULL,
  location_id text NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (reservation_id, sku, location_id)
) WITHOUT ROWID;
INSERT INTO reservation_line_next (reservation_id, sku, location_id, quantity)
  SELECT reservation_id, sku, location_id, quantity FROM reservation_line;
DROP TABLE reservation_line;
ALTER TABLE reservation_line_next RENAME TO reservation_line;
