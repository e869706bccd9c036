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
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"
)

const (
	// maxRequestBytes bounds the body of a request to the API.
	maxRequestBytes = 1 << 20
	// maxIDs is how many letters can be named at once.
	maxIDs = 1000
)

// order is the body of a redrive or a purge.
type order struct {
	IDs    []string    `json:"ids"`
	Filter *filterText `json:"filter"`
	DryRun bool        `json:"dryRun"`
	// Rate and Destination are for redrives only.
	Rate        *float64 `json:"rate"`
	Destination string   `json:"destination"`
}

// parsedOrder is an order whose fields were checked.
type parsedOrder struct {
	ids         []string
	filter      *Filter
	dryRun      bool
	rate        float64
	destination *target
	selection   selection
}

// parseOrder reads a body. It has to say which letters are meant: a filter for all of them is {}.
func (a *api) parseOrder(r *http.Request, namespace string, redrive bool) (*parsedOrder, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != jsonType {
		return nil, &Problem{Status: http.StatusUnsupportedMediaType, Code: codeUnsupportedType, Detail: "send JSON, with Content-Type " + jsonType}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes+1))
	if err != nil {
		return nil, invalid("the body broke off")
	}
	if len(body) > maxRequestBytes {
		return nil, &Problem{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Detail: "a request may have 1 MiB"}
	}
	o, errs := decodeOrder(body)
	if len(errs) == 0 {
		var p *parsedOrder
		if p, errs = o.parse(redrive); len(errs) == 0 {
			errs = a.checkRedrive(o, p, namespace)
		}
		if len(errs) == 0 {
			return p, nil
		}
	}
	return nil, invalid("some fields cannot be used", errs...)
}

// decodeOrder reads JSON, and refuses fields that are unknown or there twice.
func decodeOrder(body []byte) (*order, []FieldError) {
	var o order
	strict, err := kjson.UnmarshalStrict(body, &o)
	if err != nil {
		e := FieldError{Detail: err.Error()}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			e = FieldError{Pointer: pointer(wrong.Field), Detail: "is not a " + wrong.Type.String()}
		}
		return nil, []FieldError{e}
	}
	errs := make([]FieldError, 0, len(strict))
	for _, err := range strict {
		e := FieldError{Detail: err.Error()}
		if field, ok := errors.AsType[kjson.FieldError](err); ok {
			e = FieldError{Pointer: pointer(field.FieldPath()), Detail: "is unknown, or there twice"}
		}
		errs = append(errs, e)
	}
	return &o, errs
}

// pointer makes a JSON pointer of a path such as filter.type.
func pointer(path string) string {
	if path == "" {
		return ""
	}
	return "/" + strings.ReplaceAll(strings.NewReplacer("~", "~0", "/", "~1").Replace(path), ".", "/")
}

func (o *order) parse(redrive bool) (*parsedOrder, []FieldError) {
	p := &parsedOrder{ids: o.IDs, dryRun: o.DryRun}
	var errs []FieldError
	refuse := func(pointer, detail string) { errs = append(errs, FieldError{Pointer: pointer, Detail: detail}) }
	switch {
	case o.IDs == nil && o.Filter == nil:
		refuse("", `has neither ids nor filter; all letters are "filter": {}`)
	case o.IDs != nil && o.Filter != nil:
		refuse("/ids", "cannot be beside filter")
	case o.Filter != nil:
		f, wrong := o.Filter.parse(func(field string) FieldError { return FieldError{Pointer: "/filter/" + field} })
		p.filter, p.selection.filter = &f, f
		errs = append(errs, wrong...)
	case len(o.IDs) == 0 || len(o.IDs) > maxIDs:
		refuse("/ids", fmt.Sprintf("does not name 1 to %d letters", maxIDs))
	default:
		for i, id := range o.IDs {
			sequence, ok := parseID(id)
			if !ok {
				refuse(fmt.Sprintf("/ids/%d", i), "is not the ID of a letter")
			}
			p.selection.ids = append(p.selection.ids, sequence)
		}
		slices.Sort(p.selection.ids)
		p.selection.ids = slices.Compact(p.selection.ids)
	}
	if !redrive && o.Rate != nil {
		refuse("/rate", "is for redrives")
	}
	if !redrive && o.Destination != "" {
		refuse("/destination", "is for redrives")
	}
	return p, errs
}

// checkRedrive checks what depends on the settings.
func (a *api) checkRedrive(o *order, p *parsedOrder, namespace string) []FieldError {
	settings := a.settings()
	p.rate = settings.RedriveRate
	if o.Rate != nil {
		if p.rate = *o.Rate; p.rate <= 0 || p.rate > settings.RedriveMaxRate {
			return []FieldError{{Pointer: "/rate", Detail: fmt.Sprintf("is not more than 0 and at most %g", settings.RedriveMaxRate)}}
		}
	}
	if o.Destination != "" {
		to, err := newDestinations(settings.BrokerIngresses).check(namespace, o.Destination)
		if err != nil {
			return []FieldError{{Pointer: "/destination", Detail: err.Error()}}
		}
		p.destination = to
	}
	return nil
}
