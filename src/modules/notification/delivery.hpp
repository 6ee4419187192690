#pragma once

#include <filesystem>

#include "bus/node.hpp"
#include "kernel/mail/mime.hpp"
#include "kernel/mail/smtp.hpp"

namespace polyshop::notification {

// How mails leave: as files in a folder, for somebody else to take, or to a mail server.
class Delivery {
 public:
  // Throws Problem 422 `bad_setting` where mails could not leave as the settings have it.
  explicit Delivery(Platform& platform);

  const std::string& from() const { return from_; }
  bool is_to_folder() const { return !folder_.empty(); }
  // Both block, and a mail that is delivered again is the same file, or has the same Message-ID.
  bus::EffectResult send(const mail::Message& message) const;  // at most about 20 seconds
  std::vector<bus::EffectResult> put_into_folder(std::span<const mail::Message> messages) const;

 private:
  std::filesystem::path folder_;  // empty: by SMTP
  mail::SmtpOptions smtp_;
  std::string from_;
};

}  // namespace polyshop::notification
