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

// Command commands writes a page on each verb of kn lambda into the folder that it is given: what --help says of it.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("Name the folder that the pages are written to.")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal("Failed to write the pages: ", err)
	}
}

func run(folder string) error {
	root := kn.NewCommand()
	root.InitDefaultCompletionCmd()
	// The day of the day would make each page another one.
	root.DisableAutoGenTag = true
	if err := doc.GenMarkdownTree(root, folder); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	return nil
}
