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
"""The Python worker: loads a user's handler and runs it for the supervisor."""

import sys

# The folder of this file must not shadow the user's modules. A package keeps
# its own path, so the rest of the worker is found without it.
_folder = sys.path.pop(0)
sys.path.insert(0, _folder)
from lambda_worker import main  # noqa: E402

sys.path.remove(_folder)

if __name__ == "__main__":
    main.main()
