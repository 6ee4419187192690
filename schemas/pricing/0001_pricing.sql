-- Every SKU that was ever priced. One that lost its prices stays, so that its version never falls.
CREATE TABLE priced_sku (
  sku text PRIMARY KEY,
  version bigint NOT NULL
);

CREATE TABLE price (
  sku text NOT NULL REFERENCES priced_sku (sku),
  currency text NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (sku, currency)
);

-- The category of a country's general tax is '', since NULLs would not be unique.
CREATE TABLE tax (
  id text PRIMARY KEY,
  country text NOT NULL,
  category_id text NOT NULL,
  name text NOT NULL,
  percent text NOT NULL,
  inclusive bigint NOT NULL CHECK (inclusive IN (0, 1)),
  version bigint NOT NULL,
  UNIQUE (country, category_id)
);
