-- The words a product is found by. They come folded and apart, so that the tokenizer has nothing left to decide: every byte
-- above 0x7f belongs to a word. Nothing is ranked by frequency and no phrases are searched, so neither is kept.
CREATE VIRTUAL TABLE search_words USING fts5 (title, labels, details, tokenize = 'ascii', detail = 'column', columnsize = 0);
-- Which row of it is which product's. An INTEGER PRIMARY KEY stays what it is through a VACUUM.
CREATE TABLE search_words_row (
  number integer PRIMARY KEY,
  product_id text NOT NULL UNIQUE
);
