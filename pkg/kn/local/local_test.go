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

package local_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

// terminal is what the user sees. It wakes who waits for a text.
type terminal struct {
	mu      sync.Mutex
	changed *sync.Cond
	text    bytes.Buffer
	read    int
}

func (c *terminal) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
	return c.text.Write(p)
}

// await returns the first match after the one before it.
func (c *terminal) await(t testing.TB, pattern string) []string {
	t.Helper()
	want := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		rest := c.text.String()[c.read:]
		if at := want.FindStringSubmatchIndex(rest); at != nil {
			c.read += at[1]
			return want.FindStringSubmatch(rest)
		}
		if ctx.Err() != nil {
			t.Fatalf("there is no %q in\n%s", pattern, c.text.String())
		}
		c.changed.Wait()
	}
}

// running is a function that is run.
type running struct {
	*terminal
	dir  string
	url  string
	stop func() error
}

// run runs a function of these files until the test is over.
func run(t testing.TB, files map[string]string, change func(*local.Options)) *running {
	t.Helper()
	r := &running{terminal: &terminal{}, dir: t.TempDir()}
	r.changed = sync.NewCond(&r.mu)
	for name, text := range files {
		r.save(t, name, text)
	}
	o := local.Options{Dir: r.dir, Addr: "127.0.0.1", Output: r.terminal}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- local.Run(ctx, o) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error("Run() =", err)
		}
	})
	r.url = r.await(t, `serving .* at (http://\S+)`)[1]
	return r
}

func (r *running) save(t testing.TB, name, text string) {
	t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *running) call(t testing.TB) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// expect calls the function.
func (r *running) expect(t testing.TB, want string) {
	t.Helper()
	if status, body := r.call(t); status != http.StatusOK || body != want {
		t.Errorf("%d %q, want %q", status, body, want)
	}
}

// need leaves a test out whose language is not there.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("it needs %s: %v", program, err)
	}
}

// TestRun edits a function in every language: well, badly, and well again.
func TestRun(t *testing.T) {
	for _, tc := range []struct {
		language, program, file   string
		first, second, bad, third string
		broken                    string
	}{
		{
			"go", "go", "main.go",
			"package main\n\nimport \"os\"\n\nfunc Handler() string { println(\"printed\"); return os.Getenv(\"ANSWER\") }\n",
			"package main\n\nfunc Handler() string { return \"second\" }\n",
			"package main\n\nfunc Handler() string { return 1 }\n",
			"package main\n\nfunc Handler() string { return \"third\" }\n",
			`(?s)failed to compile.*\./main\.go:3:32: cannot use 1`,
		},
		{
			"python", "python3", "main.py",
			"import os\nprint('printed')\ndef handler(event):\n    return os.environ['ANSWER']\n",
			"def handler(event):\n    return 'second'\n",
			"def handler(event):\n    return 'second\n",
			"def handler(event):\n    return 'third'\n",
			`SyntaxError: .*\(main\.py, line 2\)`,
		},
		{
			"nodejs", "node", "index.js",
			"console.log('printed'); exports.handler = () => process.env.ANSWER;\n",
			"exports.handler = () => 'second';\n",
			"exports.handler = () => 'second;\n",
			"exports.handler = () => require('./lib/third');\n",
			`SyntaxError: .*\(index\.js, line 1\)`,
		},
	} {
		t.Run(tc.language, func(t *testing.T) {
			need(t, tc.program)
			t.Parallel()
			r := run(t, map[string]string{tc.file: tc.first, "lib/third.js": ""}, func(o *local.Options) {
				o.Language, o.Env = tc.language, []string{"ANSWER=first"}
			})
			r.expect(t, "first")
			// What the function prints and its answer come by ways of their own: either is first.
			const request = `\d\d:\d\d:\d\d\.\d{3} INFO  POST / 200 in \d`
			r.await(t, `(?s)printed.*`+request+`|`+request+`.*printed`)
			r.save(t, tc.file, tc.second)
			r.await(t, `loaded again in`)
			r.expect(t, "second")
			r.save(t, tc.file, tc.bad)
			r.await(t, tc.broken)
			r.await(t, `what was there before goes on`)
			r.expect(t, "second")
			r.save(t, "lib/third.js", "module.exports = 'third';\n")
			r.await(t, `what was there before goes on`)
			r.save(t, tc.file, tc.third)
			r.await(t, `loaded again in`)
			r.expect(t, "third")
			if err := r.stop(); err != nil {
				t.Error("Run() =", err)
			}
		})
	}
}

// Code that cannot be loaded at first is waited for, and who calls is told.
func TestBrokenAtFirst(t *testing.T) {
	need(t, "python3")
	r := run(t, map[string]string{"main.py": "def handler(event)\n"}, nil)
	r.await(t, `waiting for a change`)
	if status, body := r.call(t); status != http.StatusServiceUnavailable || !strings.Contains(body, "SyntaxError") {
		t.Errorf("%d %s, want 503 and what is wrong", status, body)
	}
	r.save(t, "main.py", "def handler(event):\n    return 'mended'\n")
	r.await(t, `loaded again in`)
	r.expect(t, "mended")
}

// The same for code that does not compile.
func TestDoesNotCompileAtFirst(t *testing.T) {
	need(t, "go")
	r := run(t, map[string]string{"main.go": "package main\n"}, nil)
	r.await(t, `error: handler "main\.Handler": package main .* has no function`)
	r.save(t, "main.go", "package main\n\nfunc Handler() string { return \"mended\" }\n")
	r.expect(t, "mended") // the listener is there, and holds the call
}

// A process that dies is replaced, and code that was broken meanwhile is said to be.
func TestDies(t *testing.T) {
	need(t, "python3")
	r := run(t, map[string]string{"main.py": "import os\ndef handler(event):\n    os._exit(3)\n"}, nil)
	if status, body := r.call(t); status != http.StatusBadGateway {
		t.Errorf("%d %s, want 502", status, body)
	}
	r.await(t, `the worker died: exit status 3`)
	r.save(t, "main.py", "def handler(event):\n    return 'mended'\n")
	r.await(t, `loaded again in`)
	r.expect(t, "mended")
}

const manifest = `# A comment first.
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
---
apiVersion: lambda.knative.io/v1alpha1
kind: LambdaFunction
metadata: {name: hello}
spec:
  source:
    type: inline
    inline:
      code: |
        import os
        from lib.text import text
        def greet(event):
            return [os.environ["FUNCTION_NAME"], os.environ["A"], os.environ["B"], text]
      files:
        lib/text.py: "text = 'from a file'"
  runtime: {language: python3, handler: greet, response: envelope}
  env:
  - {name: A, value: manifest}
  - {name: B, value: manifest}
`

// A manifest says how to run, and may have the code within; flags win.
func TestManifest(t *testing.T) {
	need(t, "python3")
	file := filepath.Join(t.TempDir(), "function.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, nil, func(o *local.Options) { o.Dir, o.Manifest, o.Env = "", file, []string{"B=flag"} })
	if _, body := r.call(t); !strings.Contains(body, `"body":["hello","manifest","flag","from a file"]`) {
		t.Errorf("body = %s", body)
	}
	own := run(t, map[string]string{"main.py": "def other(event):\n    return 'other'\n"}, func(o *local.Options) {
		o.Manifest, o.Handler = file, "other"
	})
	if _, body := own.call(t); !strings.Contains(body, `"body":"other"`) {
		t.Errorf("body = %s", body)
	}
}

// The interpreter of a virtual environment runs the function, with its packages.
func TestVirtualEnvironment(t *testing.T) {
	need(t, "python3")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", "--without-pip", filepath.Join(dir, ".venv")).CombinedOutput(); err != nil {
		t.Skipf("there are no virtual environments: %v\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(dir, ".venv/lib/python3*/site-packages"))
	if err != nil || len(packages) != 1 {
		t.Fatal(packages, err)
	}
	if err := os.WriteFile(filepath.Join(packages[0], "inside.py"), []byte("text = 'inside'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, nil, func(o *local.Options) {
		if err := os.WriteFile(filepath.Join(dir, "main.py"), []byte("import inside\ndef handler(event):\n    return inside.text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		o.Dir = dir
	})
	r.expect(t, "inside")
}

func TestNothingToRun(t *testing.T) {
	for name, tc := range map[string]struct {
		files   map[string]string
		options local.Options
		want    string
	}{
		"no folder":          {nil, local.Options{Dir: "none"}, "failed to find folder"},
		"a file":             {map[string]string{"a.py": ""}, local.Options{Dir: "a.py"}, "is a file: name the folder"},
		"no code":            {nil, local.Options{}, "there is no code in"},
		"several languages":  {map[string]string{"main.py": "", "index.js": ""}, local.Options{}, "nodejs (index.js) or python (main.py)"},
		"unknown language":   {nil, local.Options{Language: "cobol"}, `language "cobol" is not supported`},
		"no manifest":        {nil, local.Options{Manifest: "none.yaml"}, "failed to read manifest"},
		"not a manifest":     {map[string]string{"a.yaml": "a"}, local.Options{Manifest: "a.yaml"}, "failed to read manifest"},
		"other kind":         {map[string]string{"a.yaml": "kind: Service"}, local.Options{Manifest: "a.yaml"}, "has no LambdaFunction"},
		"value of a cluster": {map[string]string{"a.yaml": "kind: LambdaFunction\nspec: {runtime: {language: go}, env: [{name: NOT_SET_HERE, valueFrom: {secretKeyRef: {name: a, key: b}}}]}"}, local.Options{Manifest: "a.yaml"}, "--env NOT_SET_HERE=VALUE"},
		"code of no file":    {map[string]string{"a.yaml": "kind: LambdaFunction\nspec: {runtime: {language: python}, source: {inline: {}}}"}, local.Options{Manifest: "a.yaml"}, "there is no file"},
		"address":            {map[string]string{"main.py": ""}, local.Options{Addr: "256.0.0.1"}, "failed to listen"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range tc.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			o := tc.options
			if o.Manifest != "" {
				o.Manifest = filepath.Join(dir, o.Manifest)
			}
			if o.Manifest == "" {
				o.Dir = filepath.Join(dir, o.Dir)
			}
			o.Output = io.Discard
			if err := local.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Run() = %v, want %q", err, tc.want)
			}
		})
	}
}
