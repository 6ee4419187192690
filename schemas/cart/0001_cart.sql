CREATE TABLE cart (
  id text PRIMARY KEY,
  token_hash text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'completed')),
  customer_id text,
  channel text NOT NULL,
  language text NOT NULL,
  currency text NOT NULL,
  email text,
  shipping_address text,
  billing_address text,
  delivery_method_id text,
  order_id text,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  expires_ms bigint NOT NULL
);
CREATE INDEX cart_expires ON cart (expires_ms);
CREATE INDEX cart_customer ON cart (customer_id, state);

CREATE TABLE cart_line (
  id text PRIMARY KEY,
  cart_id text NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
  position bigint NOT NULL,
  sku text NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  seen_unit_price bigint
);
CREATE INDEX cart_line_cart ON cart_line (cart_id, position);
