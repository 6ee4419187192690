-- A guest's cart has no customer, and need not be found by it.
DROP INDEX cart_customer;
CREATE INDEX cart_customer ON cart (customer_id, state) WHERE customer_id IS NOT NULL;
