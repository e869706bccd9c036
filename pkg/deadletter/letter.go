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

package deadletter

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// Extensions of an event. The first three are Knative's, and tell why it is a dead letter.
const (
	errorDestExtension = "knativeerrordest"
	errorCodeExtension = "knativeerrorcode"
	errorDataExtension = "knativeerrordata"
	// ttlExtension counts the brokers that an event has passed. Functions do not see it.
	ttlExtension = "knativebrokerttl"

	// RedriveExtension says how often an event was taken from the dead letters and sent again: "1" or more. Without it
	// a letter that fails again would pass for a copy of the one that was there before.
	RedriveExtension = "lambdaredrive"
)

// maxBodyStart is how much of the last answer's body is kept. Knative sends 768 bytes.
const maxBodyStart = 1024

// Reason says why an event could not be delivered.
type Reason string

// All reasons that a letter can have.
const (
	// ReasonRejected : the destination refused the event (4xx), and was not asked again.
	ReasonRejected Reason = "Rejected"
	// ReasonNotFound : nothing was there (404).
	ReasonNotFound Reason = "NotFound"
	// ReasonTimeout : no answer came in time (408, 504, or none).
	ReasonTimeout Reason = "Timeout"
	// ReasonOverloaded : the destination had too much to do (429, 503).
	ReasonOverloaded Reason = "Overloaded"
	// ReasonHandlerError : the destination failed (another 5xx).
	ReasonHandlerError Reason = "HandlerError"
	// ReasonUnreachable : there was no connection.
	ReasonUnreachable Reason = "Unreachable"
	// ReasonReplyFailed : the function's reply could not be delivered to the broker.
	ReasonReplyFailed Reason = "ReplyFailed"
	// ReasonUnknown : the sender did not say.
	ReasonUnknown Reason = "Unknown"
)

// Reasons are all of them.
var Reasons = []Reason{
	ReasonRejected, ReasonNotFound, ReasonTimeout, ReasonOverloaded, ReasonHandlerError, ReasonUnreachable,
	ReasonReplyFailed, ReasonUnknown,
}

// Letter is an event that could not be delivered, with what is known of the failure. Its JSON is what the API shows.
type Letter struct {
	// ID names the letter within its namespace.
	ID string `json:"id,omitempty"`
	// Namespace and Function are what the event was for. The function is empty where the sender named none.
	Namespace string `json:"namespace,omitempty"`
	Function  string `json:"function,omitempty"`
	// Reason is why it could not be delivered.
	Reason Reason `json:"reason"`
	// Destination is the URL that failed.
	Destination string `json:"destination"`
	// ReplyTo is the URL of the broker that gets the function's reply. Empty is none.
	ReplyTo string `json:"replyTo,omitempty"`
	// Attempts is how often the event was sent to the destination. 0 is not known.
	Attempts int `json:"attempts,omitempty"`
	// Status and Body are the last answer: its HTTP status, and the start of its body. 0 is no answer.
	Status int    `json:"lastStatus,omitempty"`
	Body   string `json:"lastBody,omitempty"`
	// Redrives is how often the event had been sent again before it became this letter.
	Redrives int `json:"redrives,omitempty"`
	// ReceivedAt is when the letter came, ExpiresAt when it will be dropped.
	ReceivedAt time.Time `json:"receivedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	// Size is how many bytes of data the event has.
	Size int64 `json:"size"`
	// Event is the event as it was sent to the destination. Lists have it without its data.
	Event event.Event `json:"event"`
}

// newLetter makes a letter of an event with Knative's error extensions, which it takes away.
func newLetter(e *event.Event, d *delivery, now time.Time) *Letter {
	l := &Letter{
		Namespace:  d.namespace,
		Function:   d.function,
		ReplyTo:    d.replyTo,
		ReceivedAt: now.UTC(),
		ExpiresAt:  now.Add(d.retention.ttl).UTC(),
		Size:       int64(len(e.Data())),
		Event:      *e,
	}
	l.Destination = takeExtension(&l.Event, errorDestExtension)
	code, codeErr := strconv.Atoi(takeExtension(&l.Event, errorCodeExtension))
	l.Body = bodyStart(takeExtension(&l.Event, errorDataExtension))
	if redrives, err := strconv.Atoi(extension(&l.Event, RedriveExtension)); err == nil && redrives > 0 {
		l.Redrives = redrives
	}
	switch {
	case codeErr != nil:
		l.Reason = ReasonUnknown
	default:
		l.setFailure(code, d.retries)
	}
	if l.Destination == "" && l.Function != "" {
		l.Destination = fmt.Sprintf("http://%s.%s.svc.cluster.local/", l.Function, l.Namespace)
	}
	if l.ReplyTo != "" && sameURL(l.Destination, l.ReplyTo) {
		l.Reason = ReasonReplyFailed
	}
	return l
}

// dispatchError is how Knative begins the body of an answer that never came. It gives it status 500.
const dispatchError = "dispatch error: "

func (l *Letter) setFailure(code int, retries *int) {
	noAnswer := code <= 0 || strings.HasPrefix(l.Body, dispatchError)
	if !noAnswer {
		l.Status = code
	}
	switch {
	case noAnswer && strings.Contains(strings.ToLower(l.Body), "timeout"), noAnswer && strings.Contains(l.Body, "deadline exceeded"):
		l.Reason = ReasonTimeout
	case noAnswer:
		l.Reason = ReasonUnreachable
	case code == http.StatusRequestTimeout, code == http.StatusGatewayTimeout:
		l.Reason = ReasonTimeout
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		l.Reason = ReasonOverloaded
	case code == http.StatusNotFound:
		l.Reason = ReasonNotFound
	case code >= http.StatusInternalServerError:
		l.Reason = ReasonHandlerError
	default:
		l.Reason = ReasonRejected
	}
	if !noAnswer && !events.SentAgain(code) {
		l.Attempts = 1
	} else if retries != nil {
		l.Attempts = *retries + 1
	}
}

// bodyStart decodes the start of a body from base64, which it may not be.
func bodyStart(text string) string {
	body := text
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		body = string(decoded)
	}
	// Knative cuts at a byte: half a letter at the end is dropped, what is no text elsewhere is replaced.
	if n := len(body); n > maxBodyStart {
		body = body[:maxBodyStart]
	}
	for i := 0; i < utf8.UTFMax && body != ""; i++ {
		if r, size := utf8.DecodeLastRuneInString(body); r != utf8.RuneError || size != 1 {
			break
		}
		body = body[:len(body)-1]
	}
	return strings.ToValidUTF8(body, "\uFFFD")
}

func extension(e *event.Event, name string) string {
	value, ok := e.Extensions()[name]
	if !ok {
		return ""
	}
	text, err := types.Format(value)
	if err != nil {
		return ""
	}
	return text
}

func takeExtension(e *event.Event, name string) string {
	value := extension(e, name)
	e.SetExtension(name, nil)
	return value
}

// dedupeID is the same for two deliveries of one event to one destination. A letter that was sent again, and comes back,
// is another.
func (l *Letter) dedupeID() string {
	h := sha256.New()
	for _, part := range []string{l.Event.Source(), l.Event.ID(), l.Destination, l.Function, strconv.Itoa(l.Redrives)} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// header is the letter as JSON without the event's data: that is stored beside it, byte by byte.
func (l *Letter) header() (string, error) {
	bare := *l
	bare.ID = ""
	bare.Event = withoutData(&l.Event)
	text, err := json.Marshal(&bare)
	if err != nil {
		return "", fmt.Errorf("failed to write a letter: %w", err)
	}
	return string(text), nil
}

// parseLetter reads what header wrote.
func parseLetter(header string) (*Letter, error) {
	var l Letter
	if err := json.Unmarshal([]byte(header), &l); err != nil {
		return nil, fmt.Errorf("failed to read a letter: %w", err)
	}
	return &l, nil
}

func withoutData(e *event.Event) event.Event {
	bare := *e
	bare.DataEncoded, bare.DataBase64 = nil, false
	return bare
}

// setData gives the event its data, in the form in which JSON shows it best and exactly.
func (l *Letter) setData(data []byte) {
	l.Size = int64(len(data))
	if len(data) == 0 {
		return
	}
	l.Event.DataEncoded = data
	l.Event.DataBase64 = !showsAsText(l.Event.DataContentType(), data)
}

func showsAsText(contentType string, data []byte) bool {
	if contentType == "" {
		contentType = "application/json"
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return false
	case media == "application/json", media == "text/json":
		return json.Valid(data)
	default:
		return (strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json")) && utf8.Valid(data)
	}
}
