-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE cart_line_next (
  id text PRIMARY KEY,
  cart_id text NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
  position bigint NOT NULL,
  sku text NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  seen_unit_price bigint
) WITHOUT ROWID;
INSERT INTO cart_line_next (id, cart_id, position, sku, quantity, seen_unit_price)
  SELECT id, cart_id, position, sku, quantity, seen_unit_price FROM cart_line;
DROP TABLE cart_line;
ALTER TABLE cart_line_next RENAME TO cart_line;
CREATE INDEX cart_line_cart ON cart_line (cart_id, position);
