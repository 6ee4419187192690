CREATE TABLE category (
  id text PRIMARY KEY,
  parent_id text REFERENCES category (id),
  handle text NOT NULL UNIQUE,
  texts text NOT NULL,
  position bigint NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
);
CREATE INDEX category_parent ON category (parent_id, position);

CREATE TABLE product (
  id text PRIMARY KEY,
  handle text NOT NULL UNIQUE,
  state text NOT NULL CHECK (state IN ('draft', 'published')),
  texts text NOT NULL,
  options text NOT NULL,
  media text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
);
CREATE TABLE product_category (
  product_id text NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  category_id text NOT NULL REFERENCES category (id),
  position bigint NOT NULL,
  PRIMARY KEY (product_id, category_id)
);
CREATE INDEX product_category_category ON product_category (category_id);

CREATE TABLE variant (
  sku text PRIMARY KEY,
  product_id text NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  position bigint NOT NULL,
  option_values text NOT NULL,
  weight_g bigint NOT NULL CHECK (weight_g >= 0)
);
CREATE INDEX variant_product ON variant (product_id, position);
