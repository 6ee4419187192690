#include <doctest/doctest.h>

#include "../../src/modules/@module@/module.hpp"
#include "@module@/events.hpp"
#include "ground.hpp"

namespace polyshop::@module@ {
namespace {

using tests::Ground;
using tests::on_each_engine;

}  // namespace

TEST_CASE("an entry is added once for a key, and its event says so") {
  on_each_engine([](Ground& ground) {
    Module module(ground.platform());
    ground.open();
    const auto facade = module.node().use(module.facade(), "@module@");
    const auto call = ground.as_system().keyed("once");
    const auto entry = facade.add_entry(call, {Text<1, 200>("First")});
    CHECK(facade.add_entry(call, {Text<1, 200>("First")}).id == entry.id);
    CHECK(facade.get_entry(ground.as_system(), {entry.id}).title == "First");

    ground.deliver_events();
    const auto events = module.node().log.read_after(0, 10);
    REQUIRE(events.size() == 1);
    CHECK(events[0].name == EntryAdded::event_name);
    CHECK(json::from_text<EntryAdded>(events[0].data, json::Mode::strict).id == entry.id);
  });
}

TEST_CASE("entries over HTTP, for those who may") {
  on_each_engine([](Ground& ground) {
    Module module(ground.platform());
    ground.open();
    const auto may_write = ground.as_staff({"@module@.write"}), may_read = ground.as_staff({"@module@.read"});
    const auto made = ground.send(http::Method::post, "/v1/admin/@path@-entries", R"({"title":"First"})", may_write);
    REQUIRE(made.status == 201);
    const auto entry = json::from_text<Entry>(made.body, json::Mode::strict);
    const auto read = ground.send(http::Method::get, "/v1/admin/@path@-entries/" + entry.id.str(), "", may_read);
    CHECK(read.status == 200);
    CHECK(json::from_text<Entry>(read.body, json::Mode::strict).title == "First");

    CHECK(ground.send(http::Method::post, "/v1/admin/@path@-entries", R"({"title":"First"})", may_read).status == 403);
    CHECK(ground.send(http::Method::post, "/v1/admin/@path@-entries", R"({"title":""})", may_write).status == 422);
    CHECK(ground.send(http::Method::get, "/v1/admin/@path@-entries/" + EntryId::make(1).str(), "", may_read).status == 404);
  });
}

}  // namespace polyshop::@module@
