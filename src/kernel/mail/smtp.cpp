#include "kernel/mail/smtp.hpp"

#include <cstring>
#include <memory>
#include <string_view>

#include <curl/curl.h>
#include <fmt/format.h>

#include "kernel/runtime/workers.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::mail {
namespace {

struct Reader {
  std::string_view rest;
  static std::size_t read(char* out, std::size_t size, std::size_t count, void* self) {
    auto& rest = static_cast<Reader*>(self)->rest;
    const auto length = std::min(size * count, rest.size());
    std::memcpy(out, rest.data(), length);
    rest.remove_prefix(length);
    return length;
  }
};

// libcurl is initialised once, before its first use.
void initialise() {
  static const bool done = [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) die("libcurl cannot be initialised");
    return true;
  }();
  (void)done;
}

}  // namespace

SmtpResult send_by_smtp(const SmtpOptions& options, const std::string& from, const std::string& to, const std::string& mime) {
  initialise();
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> recipients(curl_slist_append(nullptr, fmt::format("<{}>", to).c_str()), &curl_slist_free_all);
  if (!curl || !recipients) return {SmtpResult::Kind::again, "out of memory"};
  Reader reader{mime};
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, options.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(CURLOPT_PROXY, "");  // what the environment says about proxies is meant for the web
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, options.timeout_ms / 2);
  set(CURLOPT_TIMEOUT_MS, options.timeout_ms);
  set(CURLOPT_USE_SSL, static_cast<long>(options.requires_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  if (!options.user.empty()) {
    set(CURLOPT_USERNAME, options.user.c_str());
    set(CURLOPT_PASSWORD, options.password.c_str());
  }
  set(CURLOPT_MAIL_FROM, fmt::format("<{}>", from).c_str());
  set(CURLOPT_MAIL_RCPT, recipients.get());
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_READFUNCTION, &Reader::read);
  set(CURLOPT_READDATA, &reader);
  set(CURLOPT_WRITEFUNCTION, +[](char*, std::size_t size, std::size_t count, void*) { return size * count; });  // what the server says is nobody's output
  const Workers::Blocking blocking;
  const auto code = curl_easy_perform(curl.get());
  if (code == CURLE_OK) return {};
  long answer = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer);
  // Who may send is the shop's to put right, and no fault of the mail.
  const bool is_about_mail = code != CURLE_LOGIN_DENIED && code != CURLE_USE_SSL_FAILED;
  if (is_about_mail && answer >= 500 && answer < 600) return {SmtpResult::Kind::refused, fmt::format("the mail server refused it with {}", answer)};
  return {SmtpResult::Kind::again, answer >= 400 ? fmt::format("the mail server answered {}: {}", answer, curl_easy_strerror(code)) : std::string(curl_easy_strerror(code))};
}

}  // namespace polyshop::mail
