#pragma once

#include "config/schema/object.h"

#include <string>
#include <string_view>

namespace millrace::config {

/// Writes the reference page: a section per object, a row per field. Markdown.
std::string reference_page(const Schema& root, std::string_view title);

/// Writes JSON Schema, draft 2020-12: unknown keys refused, sentences as descriptions, bounds where
/// they are plain numbers.
std::string json_schema(const Schema& root, std::string_view title);

/// Writes values as YAML that reads back the same, secrets as `***`. With places, a comment says
/// where each came from.
std::string effective_config(const std::vector<Shown>& values, const Places* origins = nullptr);

}  // namespace millrace::config
