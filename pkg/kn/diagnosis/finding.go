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

package diagnosis

import (
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// State is how a function or an agent is, in one word.
type State string

// The states.
const (
	// StateReady : the present spec serves. There may be problems all the same.
	StateReady State = "Ready"
	// StateWaiting : it is on its way, and nobody has to do anything yet.
	StateWaiting State = "Waiting"
	// StateFailed : it is not ready, and somebody has to do something.
	StateFailed State = "Failed"
	// StateDeleting : it is being deleted.
	StateDeleting State = "Deleting"
)

// Finding is what was found of a function or an agent.
type Finding struct {
	// Kind is LambdaFunction or LambdaAgent.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	State     State  `json:"state"`
	// Since is when it came into the state. Nil where nothing tells.
	Since *metav1.Time `json:"since,omitempty"`
	// At is when it was looked at. Ages in the text are counted up to then.
	At metav1.Time `json:"at"`
	// Serving is what answers calls now. Nil where nothing does, or that is not known.
	Serving *Serving `json:"serving,omitempty"`
	// Problems are what is wrong, or waited for. Of what is not ready the first is why.
	Problems []Problem `json:"problems,omitempty"`
	// Unseen is what was not looked at, and why: something may be wrong there, too.
	Unseen []string `json:"unseen,omitempty"`
}

// Serving is what answers calls.
type Serving struct {
	// Revision that is ready.
	Revision string `json:"revision"`
	// URL that calls go to.
	URL string `json:"url,omitempty"`
}

// Problem is one thing that is wrong, or that is waited for.
type Problem struct {
	// Chain leads from the condition to the cause, which is its last link.
	Chain []Link `json:"chain"`
	// Wait is nil for what does not pass by itself.
	Wait *Wait `json:"wait,omitempty"`
	// Remedies are what to do, the likeliest first.
	Remedies []Remedy `json:"remedies,omitempty"`
}

// Cause is the last link of the chain.
func (p *Problem) Cause() *Link {
	return &p.Chain[len(p.Chain)-1]
}

// Link is what is seen of one object.
type Link struct {
	// Kind of the object, in words: LambdaFunction, Knative Service, Pod, Container, Event...
	Kind string `json:"kind"`
	// Namespace is empty where it is that of the function or agent.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Type of the condition, or State for what has no conditions.
	Type string `json:"type,omitempty"`
	// Status is True, False or Unknown of a condition, else the state in a word.
	Status string `json:"status,omitempty"`
	// Reason is a word of the API that the object is of.
	Reason string `json:"reason,omitempty"`
	// Message is for people.
	Message string `json:"message,omitempty"`
	// Since is when it came to be so. Nil where nothing tells.
	Since *metav1.Time `json:"since,omitempty"`
	// Log is the end of the container's log, where it tells more than the message.
	Log []string `json:"log,omitempty"`
}

// Wait is what is known of something that may pass by itself.
type Wait struct {
	// For is what is waited for, in words.
	For string `json:"for"`
	// Since is when that began. Nil where nothing tells.
	Since *metav1.Time `json:"since,omitempty"`
	// Usual is the longest that it usually takes. 0 where that is not known.
	Usual metav1.Duration `json:"usual,omitzero"`
	// TooLong is true where it takes longer than usual.
	TooLong bool `json:"tooLong,omitempty"`
}

// Remedy is something to do.
type Remedy struct {
	// Do says it in words.
	Do string `json:"do"`
	// Command does it, or shows more. Empty where none fits.
	Command string `json:"command,omitempty"`
}

// Print writes the finding as text for people.
func (f *Finding) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s %s%s.\n", f.Kind, f.Namespace, f.Name, inWords[f.State], f.ago(f.Since, " for "))
	if s := f.Serving; s != nil && f.State != StateReady {
		fmt.Fprintf(&b, "Meanwhile Revision %s answers calls", s.Revision)
		if s.URL != "" {
			fmt.Fprintf(&b, " at %s", s.URL)
		}
		b.WriteString(".\n")
	}
	if f.State == StateReady && len(f.Problems) == 0 {
		b.WriteString("Nothing is found to be wrong.\n")
	}
	for i := range f.Problems {
		heading := "Why:"
		if f.State == StateReady || i > 0 {
			heading = "Besides:"
		}
		b.WriteString("\n" + heading + "\n")
		f.printProblem(&b, &f.Problems[i])
	}
	if len(f.Unseen) > 0 {
		b.WriteString("\nNot looked at:\n")
		for _, unseen := range f.Unseen {
			b.WriteString("- " + unseen + "\n")
		}
	}
	_, err := io.WriteString(w, plain(b.String()))
	return err
}

var inWords = map[State]string{
	StateReady: "is ready", StateWaiting: "is not ready yet", StateFailed: "is not ready", StateDeleting: "is being deleted",
}

func (f *Finding) printProblem(b *strings.Builder, p *Problem) {
	said := make([]string, 0, len(p.Chain))
	for depth := range p.Chain {
		l := p.Chain[depth]
		text := strings.TrimSpace(l.Message)
		if depth < len(p.Chain)-1 && slices.ContainsFunc(said, func(before string) bool { return sameIn(before, text) }) {
			l.Message = ""
		}
		said = append(said, text)
		f.printLink(b, &l, depth)
	}
	if wait := p.Wait; wait != nil {
		fmt.Fprintf(b, "\nWaiting for %s%s.", wait.For, f.ago(wait.Since, ", for "))
		switch {
		case wait.Usual.Duration == 0:
		case wait.TooLong:
			fmt.Fprintf(b, " That usually takes %s at most: this is longer.", duration.HumanDuration(wait.Usual.Duration))
		default:
			fmt.Fprintf(b, " That is usual up to %s.", duration.HumanDuration(wait.Usual.Duration))
		}
		b.WriteString("\n")
	}
	if len(p.Remedies) == 0 {
		return
	}
	b.WriteString("\nWhat to do:\n")
	for _, remedy := range p.Remedies {
		b.WriteString("- " + remedy.Do + "\n")
		if remedy.Command != "" {
			b.WriteString("    " + remedy.Command + "\n")
		}
	}
}

// sameIn is true for texts that say the same, but for what one of them, or each, has in front of a colon.
func sameIn(a, b string) bool {
	same := 0
	for same < min(len(a), len(b)) && a[len(a)-1-same] == b[len(b)-1-same] {
		same++
	}
	ofItsOwn := func(text string) bool {
		front := text[:len(text)-same]
		return front == "" || strings.HasSuffix(front, ": ")
	}
	for ; same > 0; same-- {
		if ofItsOwn(a) && ofItsOwn(b) {
			return true
		}
	}
	return false
}

func (f *Finding) printLink(b *strings.Builder, l *Link, depth int) {
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent)
	if depth > 0 {
		b.WriteString("└ ")
	}
	b.WriteString(l.Kind + " ")
	if l.Kind == kindEvent {
		b.WriteString("of ")
	}
	if l.Namespace != "" {
		b.WriteString(l.Namespace + "/")
	}
	b.WriteString(l.Name)
	if l.Type != "" || l.Status != "" {
		b.WriteString(": ")
	}
	if l.Type != "" && l.Type != state {
		b.WriteString(l.Type + " is ")
	}
	b.WriteString(l.Status)
	if l.Reason != "" {
		b.WriteString(", " + l.Reason)
	}
	b.WriteString(f.ago(l.Since, ", for ") + "\n")
	if text := strings.TrimSpace(l.Message); text != "" {
		printLines(b, indent+"    ", strings.Split(text, "\n"))
	}
	printLines(b, indent+"    | ", l.Log)
}

func printLines(b *strings.Builder, prefix string, lines []string) {
	for _, line := range lines {
		b.WriteString(strings.TrimRight(prefix+line, " ") + "\n")
	}
}

// ago is the time since then, after some words, or nothing where that is not known.
func (f *Finding) ago(since *metav1.Time, words string) string {
	if since.IsZero() {
		return ""
	}
	return words + duration.HumanDuration(max(f.At.Sub(since.Time), 0))
}
