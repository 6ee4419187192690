-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE product_category_next (
  product_id text NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  category_id text NOT NULL REFERENCES category (id),
  position bigint NOT NULL,
  PRIMARY KEY (product_id, category_id)
) WITHOUT ROWID;
INSERT INTO product_category_next (product_id, category_id, position)
  SELECT product_id, category_id, position FROM product_category;
DROP TABLE product_category;
ALTER TABLE product_category_next RENAME TO product_category;
CREATE INDEX product_category_category ON product_category (category_id);
