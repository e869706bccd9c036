/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package source

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxSecretBytes is what of a key of a Secret is read: the API server takes no larger Secret.
const maxSecretBytes = 1 << 20

// ReadSecret returns the keys and values of a Secret that is mounted as a folder. There are none where the folder is "", and
// in that of an optional Secret that is not there.
func ReadSecret(dir string) (map[string]string, error) {
	values := map[string]string{}
	if dir == "" {
		return values, nil
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		// What begins with .. is how kubelet changes all files at once.
		if entry.IsDir() || strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		value, err := readKey(folder, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", entry.Name(), err)
		}
		values[entry.Name()] = value
	}
	return values, nil
}

func readKey(folder *os.Root, key string) (string, error) {
	file, err := folder.Open(key)
	if err != nil {
		return "", err
	}
	defer file.Close()
	value, err := io.ReadAll(io.LimitReader(file, maxSecretBytes))
	return string(value), err
}
