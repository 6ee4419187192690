-- A guest's order has no customer, and need not be found by it.
DROP INDEX shop_order_customer;
CREATE INDEX shop_order_customer ON shop_order (customer_id, id) WHERE customer_id IS NOT NULL;
-- Whom staff hear from is known by the address.
CREATE INDEX shop_order_email ON shop_order (email, id);
