#include <array>
#include <atomic>
#include <latch>
#include <set>

#include <doctest/doctest.h>

#include "kernel/security/password.hpp"
#include "kernel/security/scram.hpp"
#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"

using namespace polyshop;

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

// As cheap as argon2 allows; what a hash costs is not tested here.
constexpr PasswordHasher::Cost small{.memory_kib = 8, .passes = 1};

}  // namespace

TEST_CASE("SHA-256, the examples of FIPS 180-4") {
  struct Case {
    std::string text;
    std::string_view digest;
  };
  for (const auto& [text, digest] : {
           Case{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
           {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
           {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
           {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
       })
    CHECK(sha256_hex(text) == digest);
}

TEST_CASE("HMAC-SHA-256, the examples of RFC 4231") {
  struct Case {
    std::string key;
    std::string text;
    std::string_view code;
  };
  for (const auto& [key, text, code] : {
           Case{std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
           {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
           {std::string(20, '\xaa'), std::string(50, '\xdd'), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
           {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
           {std::string(131, '\xaa'),
            "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed "
            "before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
       })
    CHECK(hex(hmac_sha256(key, text)) == code);
}

TEST_CASE("an empty key is the empty key, not the one used before") {
  const auto empty = hmac_sha256({}, "text");
  hmac_sha256("another", "text");
  CHECK(hmac_sha256({}, "text") == empty);
  CHECK(hex(hmac_sha256({}, {})) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("tokens are 43 base64url characters and differ") {
  std::set<std::string> tokens;
  std::set<char> last;
  for (int i = 0; i < 1000; ++i) {
    const auto token = make_token();
    REQUIRE(token.size() == 43);
    REQUIRE(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos);
    tokens.insert(token);
    last.insert(token.back());
  }
  CHECK(tokens.size() == 1000);
  CHECK(last.size() == 16);  // the last character carries the last 4 of 256 bits
}

TEST_CASE("a timed token begins as an id of its time does, and any other text tells no time") {
  const auto token = make_timed_token(1'700'000'000'000);
  const auto later = make_timed_token(1'700'000'000'001);
  CHECK(token.size() == 53);
  CHECK(time_of_token(token) == token.substr(0, 10));
  const auto id = make_id_text(1'700'000'000'000);
  CHECK(time_of_token(token) == std::string_view(id.data(), 10));
  CHECK(token < later);
  CHECK(token.substr(10) != make_timed_token(1'700'000'000'000).substr(10));
  for (const auto& other : {std::string(), make_token(), token + "x", "\n" + token.substr(1), "8" + token.substr(1), token.substr(0, 9) + "U" + token.substr(10)}) {
    CAPTURE(other);
    CHECK(time_of_token(other).empty());
  }
}

TEST_CASE("random bytes fill the whole span, however long") {
  std::array<std::byte, 5000> bytes{};
  fill_random(bytes);
  std::size_t zeros = 0;
  for (std::size_t i = bytes.size() - 200; i < bytes.size(); ++i) zeros += bytes[i] == std::byte{0} ? 1 : 0;
  CHECK(zeros < 20);
  fill_random({});
}

TEST_CASE("base64, the examples of RFC 4648 section 10") {
  struct Case {
    std::string_view bytes;
    std::string_view text;
  };
  for (const auto& [bytes, text] : {Case{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+"}}) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t size = 0; size <= all.size(); ++size) REQUIRE(from_base64(to_base64(all.substr(0, size))) == all.substr(0, size));
}

TEST_CASE("what is no base64 is refused") {
  for (const std::string_view text : {"Z", "Zg", "Zg=", "Zg===", "====", "==", "Zh==", "Zm9=", "Zm9v\n", "Zm 9", "Zm-_", "=Zg=", "Zg==Zg==", "Z===", "Zm9vZ==="})
    CHECK_FALSE(from_base64(text).has_value());
}

TEST_CASE("constant-time comparison") {
  CHECK(equals_in_constant_time("", ""));
  CHECK(equals_in_constant_time("secret", "secret"));
  CHECK_FALSE(equals_in_constant_time("secret", "secreT"));
  CHECK_FALSE(equals_in_constant_time("Secret", "secret"));
  CHECK_FALSE(equals_in_constant_time("secret", "secret "));
  CHECK_FALSE(equals_in_constant_time("", "a"));
  CHECK_FALSE(equals_in_constant_time("a", ""));
}

TEST_CASE("a password is verified against its hash") {
  PasswordHasher hasher(1, 10, small);
  const auto hash = hasher.hash_now("correct horse");
  CHECK(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
  CHECK(hash.find('\0') == std::string::npos);
  CHECK(hasher.verify_now("correct horse", hash));
  CHECK_FALSE(hasher.verify_now("correct horsf", hash));
  CHECK_FALSE(hasher.verify_now("", hash));
  CHECK(hasher.hash_now("correct horse") != hash);  // another salt
}

TEST_CASE("every byte of a password counts") {
  PasswordHasher hasher(1, 10, small);
  const std::string with_zero("a\0b", 3);
  CHECK_FALSE(hasher.verify_now("a", hasher.hash_now(with_zero)));
  CHECK(hasher.verify_now(with_zero, hasher.hash_now(with_zero)));
  const std::string longest(4096, 'x');
  CHECK_FALSE(hasher.verify_now(longest + "y", hasher.hash_now(longest + "z")));
  CHECK(hasher.verify_now("", hasher.hash_now("")));
}

TEST_CASE("a hash of another cost is verified with its own") {
  const PasswordHasher costlier(1, 10, {.memory_kib = 64, .passes = 3});
  const PasswordHasher hasher(1, 10, small);
  CHECK(hasher.verify_now("secret", costlier.hash_now("secret")));
}

TEST_CASE("an unknown user and a broken hash match nothing") {
  const PasswordHasher hasher(1, 10, small);
  CHECK_FALSE(hasher.verify_now("", ""));
  CHECK_FALSE(hasher.verify_now("secret", ""));
  CHECK_FALSE(hasher.verify_now("secret", "$argon2id$v=19$m=8,t=1,p=1$"));
  CHECK_FALSE(hasher.verify_now("secret", "secret"));
}

TEST_CASE("hashing happens in the pool, which refuses when it is full") {
  PasswordHasher hasher(1, 1, small);
  std::latch inside(1);
  std::latch gate(1);
  std::string hash;
  REQUIRE(hasher.hash("secret", [&](std::string made) {
    hash = std::move(made);
    inside.count_down();
    gate.wait();
  }));
  inside.wait();
  std::atomic<int> matches{-1};
  CHECK(hasher.verify("secret", hash, [&](bool answer) { matches = answer ? 1 : 0; }));
  CHECK_FALSE(hasher.verify("secret", hash, [](bool) {}));
  CHECK_FALSE(hasher.hash("secret", [](std::string) {}));
  gate.count_down();
  hasher.stop();
  CHECK(matches == 1);
  CHECK_FALSE(hasher.hash("secret", [](std::string) {}));
}

TEST_CASE("a SCRAM verifier is the one of RFC 7677's example") {
  CHECK(scram_verifier("pencil", *from_base64("W22ZaJ0SNY7soEsUEjb6gQ==")) ==
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  CHECK(scram_verifier("pencil") != scram_verifier("pencil"));
  for (const auto* password : {"", "p\xc3\xa9ncil", "pen\tcil"}) CHECK_THROWS_AS(scram_verifier(password), Problem);
}
