-- The words a product is found by: of weight A those of its names and SKUs, B of categories and options, C of descriptions.
CREATE TABLE search_words (
  product_id text PRIMARY KEY,
  words tsvector NOT NULL
);
CREATE INDEX search_words_words ON search_words USING gin (words);
