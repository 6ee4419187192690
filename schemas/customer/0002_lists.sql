-- Customers are found by a part of the address, which an index cannot serve.
DROP INDEX customer_email;
