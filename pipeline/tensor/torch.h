#pragma once

// The precompiled header of every torch room. ivalue.h first: ATen.h alone leaves it incomplete
// under C++20.
#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
