#pragma once

#include <string>
#include <string_view>

namespace millrace::worker {

/// Returns the page over all tasks, as Markdown.
std::string tasks_page();

/// Returns what the page says of one task, by its name or an alias; empty for an unknown name.
std::string task_section(std::string_view name);

}  // namespace millrace::worker
