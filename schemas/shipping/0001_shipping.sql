CREATE TABLE shipping_zone (
  id text PRIMARY KEY,
  name text NOT NULL,
  version bigint NOT NULL
);
-- A country lies in one zone. '*' stands for every country that no zone names, so that at most one zone takes them.
CREATE TABLE shipping_zone_country (
  country text PRIMARY KEY,
  zone_id text NOT NULL REFERENCES shipping_zone (id) ON DELETE CASCADE
);
CREATE INDEX shipping_zone_country_zone ON shipping_zone_country (zone_id);

CREATE TABLE shipping_method (
  id text PRIMARY KEY,
  zone_id text NOT NULL REFERENCES shipping_zone (id),
  names text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('flat', 'by_weight', 'by_total')),
  rates text NOT NULL,
  position bigint NOT NULL,
  version bigint NOT NULL
);
CREATE INDEX shipping_method_zone ON shipping_method (zone_id, position, id);
