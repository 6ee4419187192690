#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace polyshop::search {

// The words of a text as they are compared: in small letters, without accents, in their order. Letters and digits make a
// word, of at most 60 of them; what is written without blanks (Chinese, Japanese) is taken sign by sign. Both database
// engines get words from here and none of their own reading, so that both find the same.
std::vector<std::string> words_of(std::string_view text);

// The words joined by blanks: texts sort by it.
std::string sort_key_of(std::string_view text);

// What a product is found by; each a set of words joined by blanks.
struct Words {
  std::string title;    // names and SKUs
  std::string labels;   // categories and option values
  std::string details;  // descriptions
  std::string digest() const;
  std::string as_vector() const;  // as PostgreSQL writes a tsvector
};

// Collects words, each once.
std::string joined(std::vector<std::string> words);

// The words that somebody searches for, all of them; the last may be the start of one. In an engine's language for it, of
// which nothing comes from the text: for everything, for the title alone, and for title and labels.
struct WordQuery {
  std::string everywhere;
  std::string in_title;
  std::string in_labels;
};
WordQuery sqlite_query(const std::vector<std::string>& words);
WordQuery postgresql_query(const std::vector<std::string>& words);

}  // namespace polyshop::search
