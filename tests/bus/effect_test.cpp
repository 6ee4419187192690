#include <doctest/doctest.h>

#include "nodes.hpp"

// Outside effects whose answers come late, twice, or in another order.
namespace polyshop::bus {

TEST_CASE("an effect that took longer than its lease is performed again, and the answer that comes first is recorded") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    std::vector<Effects::Done> answers;
    std::vector<std::string> recorded;
    Effects::Handler handler;
    handler.perform = [&](const Call&, const std::string&, const std::string&, Effects::Done done) { answers.push_back(std::move(done)); };
    handler.record = [&](Tx&, const std::string&, const std::string&, const EffectResult& result) { recorded.push_back(result.text); };
    nodes.source.effects.handle("mail", handler);
    nodes.open();
    nodes.source.db.write(ground.as_system(), [&](Tx& tx) { nodes.source.effects.enqueue(tx, "mail", "eff-1", "letter", 1); });
    for (const std::size_t performed : {1, 2, 3}) {
      ground.clock().advance(61'000);
      ground.deliver_events();
      REQUIRE(answers.size() == performed);
    }
    answers[0]({EffectResult::Kind::again, "too slow", 0});  // somebody else performs it by now, and this changes nothing
    ground.deliver_events();
    CHECK(answers.size() == 3);
    answers[1]({EffectResult::Kind::done, "second", 0});
    answers[2]({EffectResult::Kind::done, "third", 0});
    answers[0]({EffectResult::Kind::failed, "first", 0});
    CHECK(recorded == std::vector<std::string>{"second"});
    CHECK(nodes.source.db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::string>("SELECT state || ' ' || result AS now FROM effect"_sql); }) == "done second");
    ground.clock().advance(600'000);
    ground.deliver_events();
    CHECK(answers.size() == 3);
  });
}

}  // namespace polyshop::bus
