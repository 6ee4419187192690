-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE search_membership_next (
  product_id text NOT NULL REFERENCES search_product (id),
  category_id text NOT NULL,
  PRIMARY KEY (product_id, category_id)
) WITHOUT ROWID;
INSERT INTO search_membership_next (product_id, category_id)
  SELECT product_id, category_id FROM search_membership;
DROP TABLE search_membership;
ALTER TABLE search_membership_next RENAME TO search_membership;
CREATE INDEX search_membership_category ON search_membership (category_id);

CREATE TABLE search_price_next (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  currency text NOT NULL,
  amount bigint NOT NULL,
  PRIMARY KEY (product_id, currency)
) WITHOUT ROWID;
INSERT INTO search_price_next (product_id, currency, amount)
  SELECT product_id, currency, amount FROM search_price;
DROP TABLE search_price;
ALTER TABLE search_price_next RENAME TO search_price;
CREATE INDEX search_price_amount ON search_price (currency, amount, product_id);

CREATE TABLE search_placement_next (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  category_id text NOT NULL,
  PRIMARY KEY (product_id, category_id)
) WITHOUT ROWID;
INSERT INTO search_placement_next (product_id, category_id)
  SELECT product_id, category_id FROM search_placement;
DROP TABLE search_placement;
ALTER TABLE search_placement_next RENAME TO search_placement;
CREATE INDEX search_placement_category ON search_placement (category_id, product_id);

CREATE TABLE search_option_next (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  variant bigint NOT NULL,
  choice text NOT NULL,
  is_first bigint NOT NULL CHECK (is_first IN (0, 1)),
  is_available bigint NOT NULL CHECK (is_available IN (0, 1)),
  PRIMARY KEY (product_id, variant, choice)
) WITHOUT ROWID;
INSERT INTO search_option_next (product_id, variant, choice, is_first, is_available)
  SELECT product_id, variant, choice, is_first, is_available FROM search_option;
DROP TABLE search_option;
ALTER TABLE search_option_next RENAME TO search_option;
CREATE INDEX search_option_choice ON search_option (choice, product_id) WHERE is_first = 1;
