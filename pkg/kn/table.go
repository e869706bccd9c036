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
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"
)

const (
	// columnGap is what the printer puts between columns.
	columnGap = 3
	// leastColumn is how many characters are left of a cell that is cut.
	leastColumn = 10
)

// column of a table.
type column struct {
	name string
	// wide columns are shown by --output wide only.
	wide bool
	// cut columns are made narrower where the terminal has no room.
	cut bool
}

// table is what lists are printed as.
type table struct {
	columns []column
	rows    [][]string
}

// print writes the table, as wide as the terminal is. What is no terminal is as wide as it takes.
func (t *table) print(out io.Writer, wide bool) error {
	if room := terminalWidth(out); room > 0 && !wide {
		t.fit(room)
	}
	printed := &metav1.Table{}
	for _, c := range t.columns {
		definition := metav1.TableColumnDefinition{Name: c.name, Type: "string"}
		if c.wide {
			definition.Priority = 1
		}
		printed.ColumnDefinitions = append(printed.ColumnDefinitions, definition)
	}
	for _, row := range t.rows {
		cells := make([]any, 0, len(row))
		for _, cell := range row {
			cells = append(cells, cell)
		}
		printed.Rows = append(printed.Rows, metav1.TableRow{Cells: cells})
	}
	return printers.NewTablePrinter(printers.PrintOptions{Wide: wide}).PrintObj(printed, out)
}

// fit cuts cells, the widest columns first, until a line has room or nothing more may be cut.
func (t *table) fit(room int) {
	widths, total := make([]int, len(t.columns)), 0
	for i, c := range t.columns {
		if c.wide {
			continue
		}
		widths[i] = utf8.RuneCountInString(c.name)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i] + columnGap
	}
	for total-columnGap > room {
		widest := -1
		for i, c := range t.columns {
			if c.cut && widths[i] > leastColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	for _, row := range t.rows {
		for i, c := range t.columns {
			if c.cut && !c.wide {
				row[i] = shorten(row[i], widths[i])
			}
		}
	}
}

// shorten cuts a text to a number of characters.
func shorten(text string, length int) string {
	if runes := []rune(text); len(runes) > length {
		return string(runes[:length-1]) + "…"
	}
	return text
}

// terminalWidth is how many characters a line has, and 0 for what is no terminal.
func terminalWidth(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0 // no terminal
	}
	return width
}
