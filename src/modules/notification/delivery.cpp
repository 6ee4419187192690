#include "delivery.hpp"

#include "kernel/mail/folder.hpp"

namespace polyshop::notification {
namespace {

using bus::EffectResult;

Problem bad_setting(std::string_view name, std::string detail) { return Problem::invalid("bad_setting", std::move(detail), std::string(name)); }

}  // namespace

Delivery::Delivery(Platform& platform) {
  auto& config = platform.config;
  const auto way = config.choice("notification.delivery", "folder", {"folder", "smtp"}, "How mails leave: as files in a folder, or to a mail server.");
  const auto folder = config.text("notification.folder", "", "Where mails are written; the folder mail in the data folder where empty.");
  from_ = config.text("notification.from", "", "The address that mails come from; needed to send by SMTP.");
  smtp_.url = config.text("notification.smtp_url", "", "The mail server, such as smtp://mail.example.com:587 or smtps://mail.example.com.");
  smtp_.user = config.text("notification.smtp_user", "", "Whom to sign in to the mail server as; nobody where empty.");
  smtp_.password = config.secret("notification.smtp_password", "The password for the mail server.");
  smtp_.requires_tls = config.choice("notification.smtp_tls", "required", {"required", "none"}, "Whether mails go through TLS only (by STARTTLS on smtp://), or never; none is for a server on the same machine.") == "required";
  if (!from_.empty() && !mail::is_address(from_)) throw bad_setting("notification.from", "notification.from is not a mail address.");
  if (way == "smtp") {
    if (from_.empty()) throw bad_setting("notification.from", "notification.delivery is smtp, which needs notification.from: the address that mails come from.");
    if (!smtp_.url.starts_with("smtp://") && !smtp_.url.starts_with("smtps://"))
      throw bad_setting("notification.smtp_url", "notification.delivery is smtp, which needs notification.smtp_url: smtp:// or smtps:// and a host.");
    if (!smtp_.requires_tls && (!smtp_.password.empty() || smtp_.url.starts_with("smtps://")))
      throw bad_setting("notification.smtp_tls", "notification.smtp_tls is none, which fits neither smtps:// nor a password: it would be sent for all to read.");
    return;
  }
  if (folder.empty() && platform.database.folder.empty())
    throw bad_setting("notification.folder", "notification.delivery is folder, and there is no data folder to put mails into. Set notification.folder, or notification.delivery to smtp.");
  folder_ = folder.empty() ? platform.database.folder / "mail" : std::filesystem::path(folder);
  if (from_.empty()) from_ = "shop@polyshop.invalid";
}

std::vector<EffectResult> Delivery::put_into_folder(std::span<const mail::Message> messages) const {
  std::vector<EffectResult> results;
  for (auto& failure : mail::write_to_folder(folder_, messages)) results.push_back({failure.empty() ? EffectResult::Kind::done : EffectResult::Kind::again, std::move(failure), 0});
  return results;
}

EffectResult Delivery::send(const mail::Message& message) const {
  const auto sent = mail::send_by_smtp(smtp_, message.from, message.to, mail::to_mime(message));
  switch (sent.kind) {
    case mail::SmtpResult::Kind::sent: return {EffectResult::Kind::done, "", 0};
    case mail::SmtpResult::Kind::again: return {EffectResult::Kind::again, sent.failure, 0};
    case mail::SmtpResult::Kind::refused: break;
  }
  return {EffectResult::Kind::failed, sent.failure, 0};
}

}  // namespace polyshop::notification
