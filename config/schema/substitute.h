#pragma once

#include "config/schema/document.h"

namespace millrace::config {

/// Replaces `${env:NAME}`, `${env:NAME:-default}` and `${file:path}` in every scalar of the tree;
/// `$${` stands for `${`. A value that cannot be had is an issue at its scalar, which is then
/// marked broken.
void substitute(Node& node, const YamlOptions& options, Issues& issues);

}  // namespace millrace::config
