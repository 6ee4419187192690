#include "module.hpp"

#include "catalog/events.hpp"

namespace polyshop::catalog {

Module::Module(Platform& platform) : node_(platform, "catalog"), products_(node_), categories_(node_) {
  node_.publishes<ProductChanged, ProductRemoved, CategoryChanged, CategoryRemoved>();

  facade_.create_product = [this](const Call& call, const CreateProduct& wanted) { return products_.create(call, wanted); };
  facade_.create_category = [this](const Call& call, const CreateCategory& wanted) { return categories_.create(call, wanted); };
  facade_.get_product = [this](const Call& call, const GetProduct& wanted) { return products_.get(call, wanted.id); };
  facade_.find_skus = [this](const Call& call, const FindSkus& wanted) { return products_.find_skus(call, wanted); };
  facade_.find_variants = [this](const Call& call, const FindVariants& wanted) { return products_.find_variants(call, wanted); };
  facade_.import_products = [this](const Call& call, const ImportProducts& rows) { return products_.import(call, rows); };
  facade_.export_products = [this](const Call& call, const ExportProducts& wanted) { return products_.export_page(call, wanted); };
  facade_.list_categories = [this](const Call& call, const Nothing&) { return categories_.list(call); };

  add_routes(node_.routes(), products_, categories_);
}

}  // namespace polyshop::catalog
