CREATE TABLE stock_location (
  id text PRIMARY KEY,
  code text NOT NULL UNIQUE,
  name text NOT NULL,
  priority bigint NOT NULL,
  version bigint NOT NULL
);
-- Where goods are that nobody gave a location.
INSERT INTO stock_location (id, code, name, priority, version) VALUES ('loc_0000000000e008000000000000', 'main', 'Main', 0, 1);

-- A SKU over all locations. Whoever changes what is available of it locks this row first; `available` is the sum of
-- on_hand - reserved of its levels.
CREATE TABLE stock_item (
  sku text PRIMARY KEY,
  available bigint NOT NULL CHECK (available >= 0),
  band text NOT NULL CHECK (band IN ('sold_out', 'low', 'in_stock')),
  version bigint NOT NULL
);

CREATE TABLE stock_level (
  sku text NOT NULL REFERENCES stock_item (sku),
  location_id text NOT NULL REFERENCES stock_location (id),
  on_hand bigint NOT NULL,
  reserved bigint NOT NULL,
  PRIMARY KEY (sku, location_id),
  CHECK (0 <= reserved AND reserved <= on_hand)
);

-- What changed on_hand, one row a change, never changed itself. The reference is an adjustment's or a reservation's id. No
-- foreign key to the location: each would lock the same row of it, in every checkout.
CREATE TABLE stock_movement (
  id text PRIMARY KEY,
  sku text NOT NULL,
  location_id text NOT NULL,
  delta bigint NOT NULL CHECK (delta <> 0),
  reason text NOT NULL CHECK (reason IN ('received', 'damaged', 'lost', 'found', 'returned', 'correction', 'count', 'sold', 'cancelled')),
  reference text NOT NULL,
  note text NOT NULL,
  actor text NOT NULL,
  time_ms bigint NOT NULL
);
CREATE INDEX stock_movement_sku ON stock_movement (sku, id);
CREATE UNIQUE INDEX stock_movement_adjustment ON stock_movement (reference) WHERE reason IN ('received', 'damaged', 'lost', 'found', 'returned', 'correction');

CREATE TABLE reservation (
  id text PRIMARY KEY,
  reference text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'held', 'consumed', 'released', 'expired')),
  expires_ms bigint NOT NULL,
  created_ms bigint NOT NULL,
  ended_ms bigint,
  CHECK ((ended_ms IS NULL) = (state IN ('open', 'held')))
);
-- One reservation for each reference that has or had its goods, for ever.
CREATE UNIQUE INDEX reservation_live ON reservation (reference) WHERE state IN ('open', 'held', 'consumed');
CREATE INDEX reservation_reference ON reservation (reference);
CREATE INDEX reservation_due ON reservation (expires_ms) WHERE state = 'open';
CREATE INDEX reservation_state ON reservation (state, id);

CREATE TABLE reservation_line (
  reservation_id text NOT NULL REFERENCES reservation (id),
  sku text NOT NULL,
  location_id text NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (reservation_id, sku, location_id)
);
