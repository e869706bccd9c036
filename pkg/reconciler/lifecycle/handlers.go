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

package lifecycle

import (
	"k8s.io/client-go/tools/cache"
	"knative.dev/pkg/kmeta"
)

// Told calls added with objects that are new, changed with those that are another than before, and deleted with those
// that are gone. What was there when the process began is not new.
func Told[T kmeta.Accessor](added func(T), changed func(before, after T), deleted func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, initial bool) {
			if o, ok := object.(T); ok && !initial {
				added(o)
			}
		},
		UpdateFunc: func(before, after any) { Updates(changed).OnUpdate(before, after) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if o, ok := object.(T); ok {
				deleted(o)
			}
		},
	}
}

// Updates calls changed with each object that is another than before. A resync is no change.
func Updates[T kmeta.Accessor](changed func(before, after T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{UpdateFunc: func(before, after any) {
		b, ok := before.(T)
		a, okay := after.(T)
		if ok && okay && b.GetResourceVersion() != a.GetResourceVersion() && b.GetUID() == a.GetUID() {
			changed(b, a)
		}
	}}
}
