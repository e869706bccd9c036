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

package kn

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// templates has the manifest, and by language and what calls the function the other files. Their names end in .tmpl: a
// go.mod would take its folder out of this module.
//
//go:embed templates
var templates embed.FS

// The languages and templates of init.
var (
	initLanguages = []string{string(v1alpha1.LanguagePython), string(v1alpha1.LanguageNodeJS), string(v1alpha1.LanguageGo)}
	initTemplates = []string{"http", "event", "cron"}
)

const initLong = `Write a function to begin with into DIR, or into the working directory: a handler, the list of what it imports, a
function.yaml, and tests. Its name is that of the folder.

Templates:
  http   answers requests
  event  takes events of one type from the Broker of the namespace, and answers them
  cron   is called by a schedule

The manifest says that the code is in a git repository: that of --git, or one to fill in. Until it is there, deploy takes
the code from the folder. No file that is there already is written over without --force.`

const initExample = `
  # A function in Python that answers requests, run on this machine
  kn lambda init hello --language python
  kn lambda run hello

  # One in Go that takes events
  kn lambda init orders --language go --template event --git https://github.com/acme/orders`

// scaffold is what a template is filled in with.
type scaffold struct {
	// Name of the function.
	Name string
	// Language and Template are of initLanguages and initTemplates.
	Language, Template string
	// Git is the URL of the repository that the folder is going to be in.
	Git string

	dir   string
	force bool
}

func newInitCommand() *cobra.Command {
	var s scaffold
	cmd := &cobra.Command{
		Use: "init [DIR]", Short: "Write a function to begin with", Long: initLong, Example: initExample[1:],
		Args: cobra.MaximumNArgs(1),

		ValidArgsFunction: folders,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.dir = "."
			if len(args) > 0 {
				s.dir = args[0]
			}
			if err := s.complete(); err != nil {
				return err
			}
			written, err := s.write()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), s.next(written))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&s.Language, "language", "l", "", "Language of the code: python, nodejs or go.")
	flags.StringVarP(&s.Template, "template", "t", "http", "What calls the function: http, event or cron.")
	flags.StringVar(&s.Name, "name", "", "Name of the function. By default that of the folder.")
	flags.StringVar(&s.Git, "git", "", "URL of the git repository that the folder is going to be in.")
	flags.BoolVar(&s.force, "force", false, "Write over files that are there.")
	complete(cmd, "language", oneOf(initLanguages...))
	complete(cmd, "template", oneOf(initTemplates...))
	return cmd
}

// complete fills in what was not said, and refuses what there is not.
func (s *scaffold) complete() error {
	if !slices.Contains(initLanguages, s.Language) {
		return usagef("--language %q: say one of %s", s.Language, strings.Join(initLanguages, ", "))
	}
	if !slices.Contains(initTemplates, s.Template) {
		return usagef("--template %q: say one of %s", s.Template, strings.Join(initTemplates, ", "))
	}
	if s.Name == "" {
		dir, err := filepath.Abs(s.dir)
		if err != nil {
			return fmt.Errorf("failed to find folder %q: %w", s.dir, err)
		}
		s.Name = filepath.Base(dir)
	}
	if err := checkName(s.Name); err != nil {
		return err
	}
	s.Git = cmp.Or(s.Git, "https://git.example.com/functions/"+s.Name)
	return nil
}

// checkName refuses what is no name of a function.
func checkName(name string) error {
	if problems := validation.IsDNS1035Label(name); len(problems) > 0 {
		return usagef("%q is no name of a function, give another with --name: %s", name, strings.Join(problems, "; "))
	}
	return nil
}

// write writes the files, and returns their names.
func (s *scaffold) write() ([]string, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
		file := filepath.Join(s.dir, name)
		// All are looked for before the first is written: half a function helps nobody.
		if _, err := os.Lstat(file); !s.force && !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return nil, fmt.Errorf("failed to look for %s: %w", file, err)
			}
			return nil, failf("another folder, or --force to write over it", "%s is there already", file)
		}
	}
	slices.Sort(names)
	if err := os.MkdirAll(s.dir, 0o755); err != nil { //nolint:gosec // code is for all to read
		return nil, fmt.Errorf("failed to make folder: %w", err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(s.dir, name), files[name], 0o644); err != nil { //nolint:gosec // code is for all to read
			return nil, fmt.Errorf("failed to write: %w", err)
		}
	}
	return names, nil
}

// files returns what is written, by name.
func (s *scaffold) files() (map[string][]byte, error) {
	files := map[string][]byte{}
	// What package text/template calls it finds by name: with it the linker would keep all methods that there are.
	fill := strings.NewReplacer("NAME", s.Name, "GIT", s.Git, "LANGUAGE", s.Language, "CALLS", calls[s.Template])
	for _, folder := range []string{"templates", path.Join("templates", s.Language), path.Join("templates", s.Language, s.Template)} {
		entries, err := templates.ReadDir(folder)
		if err != nil {
			return nil, fmt.Errorf("failed to read the templates: %w", err)
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			text, err := templates.ReadFile(path.Join(folder, entry.Name()))
			if err != nil {
				return nil, fmt.Errorf("failed to read a template: %w", err)
			}
			files[strings.TrimSuffix(entry.Name(), ".tmpl")] = []byte(fill.Replace(string(text)))
		}
	}
	return files, nil
}

// calls are the lines of the manifest that say what calls the function, by template.
var calls = map[string]string{
	"event": `  triggers:
    - broker: lambda-broker
      filter: {type: com.example.order.placed}
`,
	"cron": `  eventing:
    schedules:
      - {name: hourly, schedule: "0 * * * *", contentType: application/json, data: '{"do": "report"}'}
`,
}

// next says what was written, and what may be done with it.
func (s *scaffold) next(written []string) string {
	return fmt.Sprintf(`Wrote function %s to %s: %s

Run it on this machine:
  kn lambda run %s
Deploy it:
  kn lambda deploy %s
`, s.Name, s.dir, strings.Join(written, ", "), s.dir, s.dir)
}
