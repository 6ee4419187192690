#include <doctest/doctest.h>

#include <fstream>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "../../src/modules/notification/module.hpp"
#include "ground.hpp"
#include "kernel/mail/mime.hpp"
#include "kernel/mail/smtp.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::notification {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;

// An event log to listen to, with the orders that are asked for: what the order module is to this one.
struct Shop {
  Ground& ground;
  std::unique_ptr<bus::Node> orders;
  std::map<order::OrderId, order::Order> known;
  std::unique_ptr<Module> module;

  explicit Shop(Ground& ground, const Config::Values& settings = {}) : ground(ground) { start(settings); }
  void start(const Config::Values& settings) {
    ground.platform().config = Config::load({}, {}, settings);
    orders = std::make_unique<bus::Node>(ground.platform(), "order");
    orders->publishes<order::OrderPlaced, order::OrderCancelled>();
    order::Facade facade;
    facade.get_order = [this](const Call&, const order::GetOrder& wanted) {
      if (!known.contains(wanted.id)) throw Problem::not_found("order", wanted.id.view());
      return known[wanted.id];
    };
    facade.export_orders = [](const Call&, const order::ExportOrders&) { return std::vector<order::OrderMoney>(); };
    facade.audit = [](const Call&, const Nothing&) { return std::vector<order::AuditFinding>(); };
    module = std::make_unique<Module>(ground.platform(), *orders, facade);
    ground.open();
  }
  void restart(const Config::Values& settings = {}) {
    module.reset();
    orders.reset();
    ground.platform().routes = http::Routes();
    ground.clock().advance(61'000);
    start(settings);
  }

  order::Order order(const std::string& language = "en") {
    order::Order order;
    order.id = order::OrderId::make(ground.clock().now());
    order.number = "1000042";
    order.language = language;
    order.email = "jane@example.com";
    order.currency = *Currency::parse("EUR");
    order.shipping_address = {Text<1, 200>("Jane Doe"), {}, Text<1, 200>("1 High Street"), {}, Text<1, 120>("Oxford"), {}, {}, customer::Country("GB"), {}};
    order.billing_address = order.shipping_address;
    order.lines = {{"SHIRT-S", 2, "Shirt", {{"size", "S"}}, 1'000, {1'681, 319, 2'000, "VAT", {}, true}}, {"CUP", 1, "Tasse groß", {}, 500, {420, 80, 500, "VAT", {}, true}}};
    order.delivery = cart::Delivery{{}, "Standard", {490, order.currency}, {412, 78, 490, "VAT", {}, true}};
    order.totals = {2'101, 412, 0, 477, 2'990};
    order.version = 2;
    known[order.id] = order;
    return order;
  }
  void place(const order::Order& order) {
    orders->db.write(ground.as_system(), [&](Tx& tx) { tx.publish(order::OrderPlaced{order.id, order.number, {order.totals.total, order.currency}, order.version}); });
  }
  void cancel(const order::Order& order) {
    orders->db.write(ground.as_system(), [&](Tx& tx) { tx.publish(order::OrderCancelled{order.id, order.number, {order.totals.total, order.currency}, order.version + 1}); });
  }
  void settle() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      ground.deliver_events();
      const auto due = module->node().db.read(ground.as_system(), [&](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM effect WHERE state = 'due' AND due_ms <= :now"_sql, ground.clock().now()); });
      if (due == 0) return;
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      std::this_thread::yield();
    }
  }
  http::Response send(Method method, const std::string& target, const std::string& body = "", std::vector<std::pair<std::string, std::string>> fields = {}) {
    return ground.send(method, target, body, ground.as_staff({"notification.read", "notification.write"}), std::move(fields));
  }
  std::vector<Message> messages() {
    const auto response = send(Method::get, "/v1/admin/messages?limit=100");
    REQUIRE(response.status == 200);
    return json::from_value<std::vector<Message>>(json::parse(response.body).at("data"), json::Mode::lenient);
  }
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::exists(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// The body of a mail as a reader shows it.
std::string decoded_body(const std::string& mime) {
  const auto start = mime.find("\r\n\r\n");
  std::string out;
  for (std::size_t i = start + 4; i < mime.size(); ++i) {
    if (mime[i] == '\r') continue;
    if (mime[i] != '=') {
      out += mime[i];
    } else if (mime[i + 1] == '\r') {
      i += 2;
    } else {
      out += static_cast<char>(std::stoi(mime.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
  }
  return out;
}

std::string decoded_subject(const std::string& mime) {
  auto at = mime.find("\r\nSubject: ") + 11;
  std::string field;
  for (; !(mime[at] == '\r' && mime[at + 2] != ' '); ++at) field += mime[at];
  if (!field.starts_with("=?")) return field;
  std::string out;
  for (auto mark = field.find("=?UTF-8?B?"); mark != std::string::npos; mark = field.find("=?UTF-8?B?", mark + 1)) {
    const auto end = field.find("?=", mark);
    out += from_base64(std::string_view(field).substr(mark + 10, end - mark - 10)).value();
  }
  return out;
}

// A mail server with one habit: it answers each command as it is told to and keeps what it is given.
class SmtpServer {
 public:
  // By the beginning of a command ("RCPT", "." for the end of a mail); an empty answer hangs up instead.
  using Answers = std::map<std::string, std::string>;
  explicit SmtpServer(Answers answers = {}) : answers_(std::move(answers)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~SmtpServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return fmt::format("smtp://127.0.0.1:{}", port_); }
  void answer(const std::string& command, const std::string& with) {
    std::lock_guard lock(mutex_);
    answers_[command] = with;
  }
  std::vector<std::string> mails() {
    std::lock_guard lock(mutex_);
    return mails_;
  }
  std::string commands() {
    std::lock_guard lock(mutex_);
    return commands_;
  }

 private:
  void serve() {
    while (true) {
      const int peer = accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      talk(peer);
      close(peer);
    }
  }
  void talk(int peer) {
    std::string received;
    const auto say = [&](const std::string& line) { return ::send(peer, (line + "\r\n").data(), line.size() + 2, MSG_NOSIGNAL) > 0; };
    const auto line = [&](std::string_view end) -> std::optional<std::string> {
      while (received.find(end) == std::string::npos) {
        char buffer[4096];
        const auto size = recv(peer, buffer, sizeof buffer, 0);
        if (size <= 0) return {};
        received.append(buffer, static_cast<std::size_t>(size));
      }
      const auto at = received.find(end);
      auto text = received.substr(0, at);
      received.erase(0, at + end.size());
      return text;
    };
    say("220 test ESMTP");
    while (const auto command = line("\r\n")) {
      std::string reply = command->starts_with("EHLO") ? "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME" : "250 ok";
      {
        std::lock_guard lock(mutex_);
        commands_ += *command + "\n";
        for (const auto& [start, with] : answers_)
          if (command->starts_with(start)) reply = with;
      }
      if (command->starts_with("AUTH") && reply == "250 ok") {
        say("334 ");
        if (!line("\r\n")) return;
        reply = "235 in";
      }
      if (command->starts_with("QUIT")) {
        say("221 bye");
        return;
      }
      if (command->starts_with("DATA") && reply == "250 ok") {
        say("354 go on");
        const auto mail = line("\r\n.\r\n");
        if (!mail) return;
        std::lock_guard lock(mutex_);
        const auto found = answers_.find(".");
        if (found == answers_.end() || found->second.starts_with("2") || found->second.empty()) mails_.push_back(*mail + "\r\n");
        reply = found == answers_.end() ? "250 ok" : found->second;
      }
      if (reply.empty()) return;
      say(reply);
    }
  }
  std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::vector<std::string> mails_;
  std::string commands_;
  const int listener_;
  int port_ = 0;
  std::thread thread_;
};

Config::Values smtp_settings(const SmtpServer& server) {
  return {{"notification.delivery", "smtp"}, {"notification.smtp_url", server.url()}, {"notification.from", "shop@example.com"}, {"notification.smtp_tls", "none"}};
}

}  // namespace

TEST_CASE("an order that is placed or cancelled is written about, once, in its language") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto folder = ground.platform().database.folder / "mail";
    const auto english = shop.order();
    const auto german = shop.order("de");
    const auto french = shop.order("fr");
    shop.place(english);
    shop.place(german);
    shop.place(french);
    shop.cancel(english);
    shop.cancel(german);
    shop.settle();
    shop.settle();

    const auto messages = shop.messages();
    REQUIRE(messages.size() == 5);
    for (const auto& message : messages) {
      CHECK(message.state == MessageState::sent);
      CHECK(message.sent_ms.has_value());
      CHECK(message.recipient == "jane@example.com");
      const auto mime = text_of(folder / (message.id.str() + ".eml"));
      CHECK(decoded_body(mime) == message.body);
      CHECK(decoded_subject(mime) == message.subject);
    }
    CHECK(files_in(folder).size() == 5);
    CHECK(files_in(folder / ".parts").empty());
    const auto find = [&](const order::Order& order, MailEvent event) { return *std::ranges::find_if(messages, [&](const auto& m) { return m.order_id == order.id.str() && m.event == event; }); };
    CHECK(find(english, MailEvent::order_placed).subject == "Your order 1000042");
    CHECK(find(english, MailEvent::order_placed).body.starts_with("Dear Jane Doe,\n\nthank you for your order 1000042.\n\n2 x Shirt, size: S  20.00 EUR\n1 x Tasse groß  5.00 EUR\n\nDelivery: Standard, 4.90 EUR\nTaxes: 4.77 EUR\nTotal: 29.90 EUR\n"));
    CHECK(find(german, MailEvent::order_placed).body.find("Gesamtbetrag: 29,90 EUR") != std::string::npos);
    CHECK(find(french, MailEvent::order_placed).language == "en");
    CHECK(find(french, MailEvent::order_placed).body.find("29,90 EUR") != std::string::npos);
    CHECK(find(english, MailEvent::order_cancelled).subject == "Your order 1000042 is cancelled");
    CHECK(find(german, MailEvent::order_cancelled).body.find("Erstattet werden 29,90 EUR") != std::string::npos);

    CHECK(shop.send(Method::get, "/v1/admin/messages/" + messages[0].id.str()).body.find(messages[0].id.str()) != std::string::npos);
    CHECK(shop.send(Method::get, "/v1/admin/messages/" + MessageId::make(1).str()).status == 404);
    const auto page = shop.send(Method::get, "/v1/admin/messages?limit=4");
    const auto cursor = page.body.substr(page.body.find("next_cursor\":\"") + 14);
    CHECK(shop.send(Method::get, "/v1/admin/messages?limit=4&cursor=" + cursor.substr(0, cursor.find('"'))).body.find(messages[4].id.str()) != std::string::npos);
    CHECK(shop.send(Method::get, "/v1/admin/messages?filter[state]=failed").body.starts_with(R"({"data":[])"));
    CHECK(shop.send(Method::get, "/v1/admin/messages?filter[order_id]=" + french.id.str()).body.find(english.id.str()) == std::string::npos);
  });
}

TEST_CASE("what came in twice, or was cut off by a crash, is sent once") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto folder = ground.platform().database.folder / "mail";
    shop.place(shop.order());
    shop.settle();
    const auto before = files_in(folder);
    REQUIRE(before.size() == 1);
    const auto text = text_of(before[0]);
    // The event comes again, as after a restore of an older cursor.
    shop.module->node().db.write(ground.as_system(), [](Tx& tx) { tx.exec("DELETE FROM subscription"_sql); });
    shop.restart();
    shop.settle();
    CHECK(shop.messages().size() == 1);
    // The mail was delivered, and the process died before it knew.
    shop.module->node().db.write(ground.as_system(), [](Tx& tx) {
      tx.exec("UPDATE effect SET state = 'due', due_ms = 0"_sql);
      tx.exec("UPDATE mail_message SET state = 'queued', sent_ms = NULL"_sql);
    });
    shop.restart();
    shop.settle();
    CHECK(shop.messages()[0].state == MessageState::sent);
    REQUIRE(files_in(folder) == before);
    CHECK(text_of(before[0]) == text);
    // The process dies before it delivers.
    shop.restart();
    shop.module->node().workers.stop();
    shop.place(shop.order());
    ground.deliver_events();
    CHECK(shop.messages()[0].state == MessageState::queued);
    CHECK(files_in(folder).size() == 1);
    shop.restart();
    shop.settle();
    CHECK(shop.messages()[0].state == MessageState::sent);
    CHECK(files_in(folder).size() == 2);
  });
}

TEST_CASE("staff replace texts; only placeholders that exist are taken") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const std::string target = "/v1/admin/notification-templates/order_placed/";
    CHECK(json::parse(shop.send(Method::get, "/v1/admin/notification-templates").body).at("data").as_array().size() == 4);
    const std::string body = R"({"subject":"{{number}}: merci","body":"Bonjour {{ name }}, {{total}}"})";
    CHECK(shop.send(Method::put, target + "fr", body).status == 428);
    CHECK(shop.send(Method::put, target + "fr", body, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(shop.send(Method::get, target + "fr").status == 404);
    CHECK(shop.send(Method::put, target + "fr", body, {{"If-Match", "\"0\""}}).status == 200);
    CHECK(shop.send(Method::put, target + "fr", body, {{"If-Match", "\"0\""}}).status == 412);
    CHECK(shop.send(Method::put, target + "fr", R"({"subject":"v2","body":"{{name}}"})", {{"If-Match", "\"1\""}}).body.find(R"("version":2)") != std::string::npos);
    CHECK(shop.send(Method::put, target + "fr", body, {{"If-Match", "\"2\""}}).status == 200);
    CHECK(shop.send(Method::get, target + "en").body.find(R"("version":0)") != std::string::npos);
    CHECK(shop.send(Method::put, target + "en", R"({"subject":"S","body":"B"})", {{"If-Match", "\"0\""}}).status == 200);
    CHECK(json::parse(shop.send(Method::get, "/v1/admin/notification-templates").body).at("data").as_array().size() == 5);

    const auto refused = [&](const std::string& event, const std::string& language, const std::string& text) {
      const auto response = shop.send(Method::put, "/v1/admin/notification-templates/" + event + "/" + language, text, {{"If-Match", "\"0\""}});
      const auto document = json::parse(response.body).as_object();
      return std::string(document.at("code").as_string());
    };
    CHECK(refused("order_placed", "nl", R"({"subject":"S","body":"{{refunded}}"})") == "unknown_placeholder");
    CHECK(shop.send(Method::put, target + "nl", R"({"subject":"{{x}}","body":"B"})", {{"If-Match", "\"0\""}}).body.find("{{number}}") != std::string::npos);
    CHECK(refused("order_cancelled", "nl", R"({"subject":"{{total}}","body":"B"})") == "unknown_placeholder");
    CHECK(refused("order_placed", "nl", R"({"subject":"S","body":"{{name"})") == "malformed_placeholder");
    CHECK(refused("order_placed", "nl", R"({"subject":"S\r\nBcc: all@example.com","body":"B"})") == "control_character");
    CHECK(refused("order_placed", "Dutch", R"({"subject":"S","body":"B"})") == "unknown_language");
    CHECK(refused("order_lost", "nl", R"({"subject":"S","body":"B"})") == "not_found");
    CHECK(refused("order_placed", "nl", R"({"subject":"","body":"B"})") == "validation_failed");

    shop.place(shop.order("fr"));
    shop.settle();
    CHECK(shop.messages()[0].subject == "1000042: merci");
    CHECK(shop.messages()[0].body == "Bonjour Jane Doe, 29,90 EUR");

    CHECK(ground.send(Method::get, "/v1/admin/messages", "", ground.call()).status == 401);
    CHECK(ground.send(Method::get, "/v1/admin/messages", "", ground.as_staff({"notification.write"})).status == 403);
    CHECK(ground.send(Method::put, target + "en", body, ground.as_staff({"notification.read"}), {{"If-Match", "\"1\""}}).status == 403);
  });
}

TEST_CASE("what people entered is text in a mail, wherever it stands") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  CHECK(shop.send(Method::put, "/v1/admin/notification-templates/order_placed/en", R"({"subject":"For {{name}} {{lines}}","body":"{{name}}|{{lines}}|{{delivery}}"})", {{"If-Match", "\"0\""}}).status == 200);
  auto order = shop.order();
  order.billing_address.name = Text<1, 200>("Jane\r\nBcc: all@example.com\r\n\r\n{{total}} Größe");
  order.lines = {{"X", 1, "{{number}}\n.\nQUIT", {}, 1, {}}};
  order.delivery.reset();
  shop.known[order.id] = order;
  shop.place(order);
  shop.settle();
  const auto message = shop.messages().at(0);
  const auto mime = text_of(ground.platform().database.folder / "mail" / (message.id.str() + ".eml"));
  const auto head = mime.substr(0, mime.find("\r\n\r\n"));
  CHECK(head.find("Bcc") == std::string::npos);
  CHECK(decoded_subject(mime).find("Jane  Bcc: all@example.com    {{total}} Größe") != std::string::npos);
  CHECK(message.body.find("{{total}}") != std::string::npos);
  CHECK(message.body.find("{{number}}") != std::string::npos);
  CHECK(message.body.ends_with("|-"));

  auto injected = shop.order();
  injected.email = "jane@example.com>\r\nRCPT TO:<all@example.com";
  shop.known[injected.id] = injected;
  shop.place(injected);
  shop.settle();
  CHECK(shop.messages()[0].state == MessageState::failed);
  CHECK(files_in(ground.platform().database.folder / "mail").size() == 1);
}

TEST_CASE("mails as they travel") {
  mail::Message message{"msg_1", "shop@example.com", "jane@example.com", "Your order", "a = b \nend\t\n.\nÄ\r\nlast", 1'767'225'600'000};
  CHECK(mail::to_mime(message) ==
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: shop@example.com\r\nTo: jane@example.com\r\nMessage-ID: <msg_1@example.com>\r\nSubject: Your order\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na =3D b=20\r\nend=09\r\n.\r\n=C3=84\r\nlast\r\n");
  for (const auto* subject : {"Ihre Bestellung für Größe XXL ist unterwegs, und zwar mit allem, was dazugehört: 42 Überraschungen", "Ä", "=?UTF-8?B?eA==?=", "ウェブショップでのご注文ありがとうございます。ウェブショップでのご注文",
                              "a subject in plain ASCII that is a good deal longer than what should stand in one line of a mail's head"}) {
    message.subject = subject;
    message.body = std::string(500, 'x') + subject + std::string(200, '=') + "\n";
    const auto mime = mail::to_mime(message);
    CHECK(decoded_subject(mime) == subject);
    CHECK(decoded_body(mime) == message.body);
    for (std::size_t at = 0; at < mime.size();) {
      const auto end = mime.find("\r\n", at);
      REQUIRE(end != std::string::npos);
      CHECK(end - at <= 76);
      at = end + 2;
    }
    CHECK(std::ranges::all_of(mime, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }
  for (const auto* address : {"a@b", "jane.doe+x@mail.example.com", "o'neil@example.com"}) CHECK_MESSAGE(mail::is_address(address), address);
  for (const auto* address : {"", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "<a@b>", "a@b,c@d", "\"a\"@b", "jörg@example.com", "a@b\r\nX: y"}) CHECK_MESSAGE(!mail::is_address(address), address);
}

TEST_CASE("by SMTP: what the server says decides whether a mail is sent, tried again or given up") {
  SmtpServer server;
  mail::SmtpOptions options{server.url(), "", "", false};
  const auto send = [&] { return mail::send_by_smtp(options, "shop@example.com", "jane@example.com", "Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n"); };
  CHECK(send().kind == mail::SmtpResult::Kind::sent);
  REQUIRE(server.mails().size() == 1);
  CHECK(server.mails()[0] == "Subject: x\r\n\r\n..dot\r\n...\r\nend\r\n");
  CHECK(server.commands().find("MAIL FROM:<shop@example.com>") != std::string::npos);
  CHECK(server.commands().find("RCPT TO:<jane@example.com>") != std::string::npos);
  CHECK(server.commands().find("AUTH") == std::string::npos);

  struct Case {
    const char* command;
    const char* answer;
    mail::SmtpResult::Kind kind;
  };
  for (const auto& one : {Case{"RCPT", "550 no such jane@example.com", mail::SmtpResult::Kind::refused}, {"RCPT", "451 later", mail::SmtpResult::Kind::again}, {"MAIL", "421 too busy", mail::SmtpResult::Kind::again},
                          {"DATA", "554 no", mail::SmtpResult::Kind::refused}, {".", "552 too large", mail::SmtpResult::Kind::refused}, {".", "452 full", mail::SmtpResult::Kind::again}, {".", "", mail::SmtpResult::Kind::again},
                          {"RCPT", "", mail::SmtpResult::Kind::again}}) {
    CAPTURE(one.command);
    CAPTURE(one.answer);
    SmtpServer strict(SmtpServer::Answers{{one.command, one.answer}});
    options.url = strict.url();
    const auto result = send();
    CHECK(result.kind == one.kind);
    CHECK(!result.failure.empty());
    CHECK(result.failure.find("jane") == std::string::npos);
  }
  options.url = server.url();
  options.user = "shop";
  options.password = "pass";
  CHECK(send().kind == mail::SmtpResult::Kind::sent);
  CHECK(server.commands().find("AUTH PLAIN") != std::string::npos);
  server.answer("AUTH", "535 wrong");
  CHECK(send().kind == mail::SmtpResult::Kind::again);
  options = {server.url(), "", "", true};
  const auto sent_before = server.mails().size();
  CHECK(send().kind == mail::SmtpResult::Kind::again);  // it offers no STARTTLS
  CHECK(server.mails().size() == sent_before);
  options = {"smtp://127.0.0.1:1", "", "", false};
  CHECK(send().kind == mail::SmtpResult::Kind::again);
  options = {"file:///etc/hostname", "", "", false};
  CHECK(send().kind == mail::SmtpResult::Kind::again);
}

TEST_CASE("mails go to the mail server, again after it was away, with the same Message-ID") {
  on_each_engine([](Ground& ground) {
    SmtpServer server(SmtpServer::Answers{{".", ""}});  // takes the mail and is gone before it says so
    Shop shop(ground, smtp_settings(server));
    shop.place(shop.order("de"));
    shop.settle();
    CHECK(shop.messages()[0].state == MessageState::queued);
    server.answer(".", "250 ok");
    ground.clock().advance(60'000);
    shop.settle();
    const auto message = shop.messages()[0];
    CHECK(message.state == MessageState::sent);
    const auto mails = server.mails();
    REQUIRE(mails.size() == 2);
    CHECK(mails[0] == mails[1]);
    CHECK(mails[0].find("\r\nMessage-ID: <" + message.id.str() + "@example.com>\r\n") != std::string::npos);
    CHECK(decoded_body(mails[0]) == message.body);
    CHECK(files_in(ground.platform().database.folder / "mail").empty());

    server.answer("RCPT", "550 unknown");
    shop.place(shop.order());
    shop.settle();
    CHECK(shop.messages()[0].state == MessageState::failed);
    CHECK(shop.messages()[0].failure == "the mail server refused it with 550");
    // A server that stays away is given up on at last, and the log says so.
    server.answer("RCPT", "450 later");
    shop.place(shop.order());
    for (int i = 0; i < 101; ++i) {
      shop.settle();
      ground.clock().advance(3600'000);
    }
    CHECK(shop.messages()[0].state == MessageState::failed);
    CHECK(server.mails().size() == 2);
  });
}

TEST_CASE("settings that mails could not leave by are refused at start") {
  struct Case {
    const char* setting;
    Config::Values settings;
    bool has_folder = true;
  };
  const std::vector<Case> cases{
      {"notification.folder", {}, false},
      {"notification.from", {{"notification.delivery", "smtp"}, {"notification.smtp_url", "smtp://localhost"}}},
      {"notification.from", {{"notification.from", "the shop <a@b>"}}},
      {"notification.smtp_url", {{"notification.delivery", "smtp"}, {"notification.from", "a@example.com"}}},
      {"notification.smtp_url", {{"notification.delivery", "smtp"}, {"notification.from", "a@example.com"}, {"notification.smtp_url", "https://localhost"}}},
      {"notification.smtp_tls", {{"notification.delivery", "smtp"}, {"notification.from", "a@example.com"}, {"notification.smtp_url", "smtp://localhost"}, {"notification.smtp_tls", "none"}, {"notification.smtp_password", "x"}}},
      {"", {{"notification.folder", "/somewhere"}}, false},
      {"", {{"notification.delivery", "smtp"}, {"notification.from", "a@example.com"}, {"notification.smtp_url", "smtps://localhost"}, {"notification.smtp_user", "u"}, {"notification.smtp_password", "x"}}, false},
  };
  Ground ground(Engine::sqlite);
  for (const auto& one : cases) {
    CAPTURE(one.setting);
    auto& platform = ground.platform();
    Config config = Config::load({}, {}, one.settings);
    Platform configured{config, platform.metrics, platform.clock, platform.routes, platform.cache, platform.hasher, platform.database, platform.binding};
    if (!one.has_folder) configured.database.folder.clear();
    std::string pointer;
    try {
      Delivery delivery(configured);
      config.finish();
    } catch (const Problem& problem) {
      CHECK(problem.code == "bad_setting");
      pointer = problem.errors.at(0).pointer;
    }
    CHECK(pointer == one.setting);
  }
}

TEST_CASE("no address and no name comes into a log or an event") {
  static std::string logged;
  logged.clear();
  log::capture([](std::string_view line) { logged += line; });
  {
    SmtpServer server(SmtpServer::Answers{{"RCPT", "550 no jane@example.com here"}});
    Ground ground(Engine::sqlite);
    Shop shop(ground, smtp_settings(server));
    shop.place(shop.order());
    shop.settle();
    CHECK(shop.messages()[0].state == MessageState::failed);
    CHECK(shop.module->node().log.read_after(0, 10).empty());
    const auto effects = shop.module->node().db.read(ground.as_system(), [&](Tx& tx) { return tx.list<std::string>("SELECT data || result || failure AS everything FROM effect"_sql); });
    for (const auto& text : effects) logged += text;
  }
  log::flush();
  log::capture(nullptr);
  CHECK(logged.find("jane") == std::string::npos);
  CHECK(logged.find("Jane") == std::string::npos);
}

}  // namespace polyshop::notification
