CREATE TABLE shop_order (
  id text PRIMARY KEY,
  number text UNIQUE,
  state text NOT NULL CHECK (state IN ('pending', 'placed', 'cancelling', 'cancelled')),
  cart_id text NOT NULL,
  customer_id text,
  email text NOT NULL,
  payment_id text NOT NULL,
  currency text NOT NULL,
  lines_net bigint NOT NULL,
  delivery_net bigint NOT NULL,
  discounts bigint NOT NULL,
  tax bigint NOT NULL,
  total bigint NOT NULL CHECK (total = lines_net + delivery_net - discounts + tax),
  document text NOT NULL,
  saga_id text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  placed_ms bigint
);
-- One order a cart, but for attempts that came to nothing.
CREATE UNIQUE INDEX shop_order_cart ON shop_order (cart_id) WHERE state <> 'cancelled';
CREATE UNIQUE INDEX shop_order_payment ON shop_order (payment_id);
CREATE INDEX shop_order_customer ON shop_order (customer_id, id);
CREATE INDEX shop_order_state ON shop_order (state, id);

CREATE TABLE order_history (
  order_id text NOT NULL REFERENCES shop_order (id),
  version bigint NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL,
  time_ms bigint NOT NULL,
  PRIMARY KEY (order_id, version)
);

CREATE TABLE order_cancellation (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES shop_order (id),
  reason text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
  saga_id text NOT NULL,
  created_ms bigint NOT NULL
);
CREATE INDEX order_cancellation_order ON order_cancellation (order_id, id);

-- The next number that no process has taken a block of.
CREATE TABLE order_counter (next bigint NOT NULL);
INSERT INTO order_counter (next) VALUES (1000001);
