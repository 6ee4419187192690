-- What the sources last said, a row for each aggregate. An event that is older than the version here changes nothing.

-- The products of the catalog: the whole of a published one, NULL of a draft and of one that was removed. Its document, or that
-- there is none, is of this version unless search_stale has the product.
CREATE TABLE search_product (
  id text PRIMARY KEY,
  version bigint NOT NULL,
  product text
);
CREATE TABLE search_membership (
  product_id text NOT NULL REFERENCES search_product (id),
  category_id text NOT NULL,
  PRIMARY KEY (product_id, category_id)
);
CREATE INDEX search_membership_category ON search_membership (category_id);

-- Without foreign keys: a child may come before its parent, a product before its categories.
CREATE TABLE search_category (
  id text PRIMARY KEY,
  version bigint NOT NULL,
  is_removed bigint NOT NULL CHECK (is_removed IN (0, 1)),
  parent_id text,
  handle text NOT NULL,
  texts text NOT NULL
);
CREATE INDEX search_category_parent ON search_category (parent_id);
CREATE INDEX search_category_handle ON search_category (handle);

-- One row for what three sources say of a SKU, so that whoever comes second sees what the first one wrote.
CREATE TABLE search_sku (
  sku text PRIMARY KEY,
  product_id text,
  price_version bigint NOT NULL,
  prices text NOT NULL,
  band_version bigint NOT NULL,
  band text NOT NULL CHECK (band IN ('sold_out', 'low', 'in_stock'))
);
CREATE INDEX search_sku_product ON search_sku (product_id);

-- The languages that published products and categories are written in, in the order in which they came.
CREATE TABLE search_language (
  language text PRIMARY KEY,
  number bigint NOT NULL UNIQUE
);

-- Products whose document is to be rendered; those that a category or a language concerns come after all others.
CREATE TABLE search_stale (
  product_id text PRIMARY KEY,
  is_bulk bigint NOT NULL CHECK (is_bulk IN (0, 1))
);
CREATE INDEX search_stale_next ON search_stale (is_bulk, product_id);

-- The documents: what a storefront sees of a published product, and what it is found by. `languages` is how many of
-- search_language it is rendered in.
CREATE TABLE search_document (
  product_id text PRIMARY KEY REFERENCES search_product (id),
  handle text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  availability text NOT NULL CHECK (availability IN ('sold_out', 'low', 'in_stock')),
  is_available bigint NOT NULL CHECK (is_available = CASE WHEN availability = 'sold_out' THEN 0 ELSE 1 END),
  languages bigint NOT NULL,
  words_digest text NOT NULL
);
CREATE INDEX search_document_handle ON search_document (handle);
CREATE INDEX search_document_created ON search_document (created_ms, product_id);
CREATE INDEX search_document_available ON search_document (is_available, product_id);
CREATE INDEX search_document_languages ON search_document (languages);

-- A document in one language: the finished JSON, its digest, and the name as it sorts.
CREATE TABLE search_page (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  language text NOT NULL,
  name_key text NOT NULL,
  digest text NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (product_id, language)
);
CREATE INDEX search_page_name ON search_page (language, name_key, product_id);

-- The lowest price of a product in each currency.
CREATE TABLE search_price (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  currency text NOT NULL,
  amount bigint NOT NULL,
  PRIMARY KEY (product_id, currency)
);
CREATE INDEX search_price_amount ON search_price (currency, amount, product_id);

-- The categories a product lies in, and all that these lie in.
CREATE TABLE search_placement (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  category_id text NOT NULL,
  PRIMARY KEY (product_id, category_id)
);
CREATE INDEX search_placement_category ON search_placement (category_id, product_id);

-- The option values of each variant; a choice is ["size","M"]. is_first marks one of the variants that share a choice, so that
-- products are counted and not variants.
CREATE TABLE search_option (
  product_id text NOT NULL REFERENCES search_document (product_id) ON DELETE CASCADE,
  variant bigint NOT NULL,
  choice text NOT NULL,
  is_first bigint NOT NULL CHECK (is_first IN (0, 1)),
  is_available bigint NOT NULL CHECK (is_available IN (0, 1)),
  PRIMARY KEY (product_id, variant, choice)
);
CREATE INDEX search_option_choice ON search_option (choice, product_id) WHERE is_first = 1;
