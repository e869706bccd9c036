#!/usr/bin/env bash

# Copyright 2026 The Knative Lambda Authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

# Sourced by other scripts: installs Debian packages for programs that are missing.

# need installs what brings programs that are not there. An argument is a program, or PROGRAM=PACKAGES where the
# packages are called otherwise.
function need() {
  local item packages missing=()
  for item in "$@"; do
    if ! command -v "${item%%=*}" >/dev/null; then
      read -r -a packages <<<"${item#*=}"
      missing+=("${packages[@]}")
    fi
  done
  if ((${#missing[@]} == 0)); then
    return
  fi
  if ! command -v apt-get >/dev/null || ((EUID != 0)); then
    echo "ERROR: missing here: ${missing[*]}. Install them, or run this as root on Debian." >&2
    return 1
  fi
  echo "Installing ${missing[*]}"
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}
