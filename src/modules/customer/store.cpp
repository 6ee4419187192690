#include "store.hpp"

namespace polyshop::customer::store {
namespace {

struct AddressRow {
  AddressId id;
  db::Json<Address> address;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(AddressRow, (), (id, address, version))

StoredAddress stored(AddressRow&& row) { return {row.id, std::move(row.address.value), row.version}; }

}  // namespace

Customer upsert_customer(Tx& tx, const Customer& customer) {
  return *tx.find<Customer>(R"(INSERT INTO customer (id, user_id, email, first_name, last_name, phone, version, created_ms)
                               VALUES (:id, :user_id, :email, :first_name, :last_name, :phone, :version, :created_ms)
                               ON CONFLICT (user_id) DO UPDATE SET version = customer.version + 1,
                                 first_name = CASE WHEN excluded.first_name = '' THEN customer.first_name ELSE excluded.first_name END,
                                 last_name = CASE WHEN excluded.last_name = '' THEN customer.last_name ELSE excluded.last_name END,
                                 phone = CASE WHEN excluded.phone = '' THEN customer.phone ELSE excluded.phone END
                               RETURNING id, user_id, email, first_name, last_name, phone, version, created_ms)"_sql,
                            customer);
}

std::optional<Customer> find_by_user(Tx& tx, const auth::UserId& user) {
  return tx.find<Customer>("SELECT id, user_id, email, first_name, last_name, phone, version, created_ms FROM customer WHERE user_id = :user"_sql, user);
}

std::optional<Customer> find_customer(Tx& tx, const CustomerId& id) {
  return tx.find<Customer>("SELECT id, user_id, email, first_name, last_name, phone, version, created_ms FROM customer WHERE id = :id"_sql, id);
}

bool update_customer(Tx& tx, const Customer& customer) {
  return tx.exec("UPDATE customer SET first_name = :first_name, last_name = :last_name, phone = :phone, version = version + 1 WHERE id = :id AND version = :version"_sql, customer) == 1;
}

std::vector<Customer> list_customers(Tx& tx, const std::optional<CustomerId>& after, const std::optional<std::string>& query, std::int64_t limit) {
  return tx.list<Customer>(R"(SELECT id, user_id, email, first_name, last_name, phone, version, created_ms FROM customer
                              WHERE id > :after AND (cast(:query as text) IS NULL OR email LIKE :query OR lower(first_name) LIKE :query OR lower(last_name) LIKE :query)
                              ORDER BY id LIMIT :limit)"_sql,
                           after ? after->str() : std::string(), query, limit);
}

void insert_address(Tx& tx, const CustomerId& customer, const StoredAddress& address) {
  tx.exec("INSERT INTO customer_address (id, customer_id, address, version, created_ms) VALUES (:id, :customer, :address, 1, :now)"_sql, address.id, customer, db::Json<Address>{address.address}, tx.now());
}

std::vector<StoredAddress> list_addresses(Tx& tx, const CustomerId& customer) {
  std::vector<StoredAddress> all;
  for (auto& row : tx.list<AddressRow>("SELECT id, address, version FROM customer_address WHERE customer_id = :customer ORDER BY id"_sql, customer)) all.push_back(stored(std::move(row)));
  return all;
}

std::optional<StoredAddress> find_address(Tx& tx, const CustomerId& customer, const AddressId& id) {
  auto row = tx.find<AddressRow>("SELECT id, address, version FROM customer_address WHERE customer_id = :customer AND id = :id"_sql, customer, id);
  if (!row) return {};
  return stored(std::move(*row));
}

bool update_address(Tx& tx, const CustomerId& customer, const StoredAddress& address) {
  return tx.exec("UPDATE customer_address SET address = :address, version = version + 1 WHERE customer_id = :customer AND id = :id AND version = :version"_sql, db::Json<Address>{address.address}, customer, address.id, address.version) == 1;
}

bool delete_address(Tx& tx, const CustomerId& customer, const AddressId& id) { return tx.exec("DELETE FROM customer_address WHERE customer_id = :customer AND id = :id"_sql, customer, id) == 1; }

}  // namespace polyshop::customer::store
