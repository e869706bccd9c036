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

package worker

import "context"

// Here is one function for each shape of a handler. The generated main picks the
// one by its name, and the compiler fills in the types: no call costs a
// reflection.

// taking decodes the data for a handler.
func taking[T any](f func(c *Call, data T) error) Function {
	decode := decoder[T]()
	return func(c *Call) error {
		data, err := decode(c)
		if err != nil {
			return err
		}
		return f(c, data)
	}
}

// taking2 decodes the data, and makes the second argument.
func taking2[T, E any](f func(c *Call, data T, event E) error) Function {
	return taking(func(c *Call, data T) error {
		event, err := describe[E](c)
		if err != nil {
			return err
		}
		return f(c, data, event)
	})
}

// answer sends a result, unless there is an error.
func (c *Call) answer(result any, err error) error {
	if err != nil {
		return err
	}
	return c.reply(result)
}

// Bare is for a handler that takes nothing and returns nothing.
func Bare(f func()) Function {
	return func(*Call) error {
		f()
		return nil
	}
}

// BareResult is for a handler that takes nothing and returns a result.
func BareResult[R any](f func() R) Function {
	return func(c *Call) error {
		return c.reply(f())
	}
}

// BareError is for a handler that takes nothing and returns an error.
func BareError(f func() error) Function {
	return func(*Call) error {
		return f()
	}
}

// BareResultError is for a handler that takes nothing and returns a result and an error.
func BareResultError[R any](f func() (R, error)) Function {
	return func(c *Call) error {
		result, err := f()
		return c.answer(result, err)
	}
}

// Context is for a handler that takes a context and returns nothing.
func Context(f func(context.Context)) Function {
	return func(c *Call) error {
		f(c.Context())
		return nil
	}
}

// ContextResult is for a handler that takes a context and returns a result.
func ContextResult[R any](f func(context.Context) R) Function {
	return func(c *Call) error {
		return c.reply(f(c.Context()))
	}
}

// ContextError is for a handler that takes a context and returns an error.
func ContextError(f func(context.Context) error) Function {
	return func(c *Call) error {
		return f(c.Context())
	}
}

// ContextResultError is for a handler that takes a context and returns a result and an error.
func ContextResultError[R any](f func(context.Context) (R, error)) Function {
	return func(c *Call) error {
		result, err := f(c.Context())
		return c.answer(result, err)
	}
}

// Data is for a handler that takes the data and returns nothing.
func Data[T any](f func(T)) Function {
	return taking(func(c *Call, data T) error {
		f(data)
		return nil
	})
}

// DataResult is for a handler that takes the data and returns a result.
func DataResult[T, R any](f func(T) R) Function {
	return taking(func(c *Call, data T) error {
		return c.reply(f(data))
	})
}

// DataError is for a handler that takes the data and returns an error.
func DataError[T any](f func(T) error) Function {
	return taking(func(c *Call, data T) error {
		return f(data)
	})
}

// DataResultError is for a handler that takes the data and returns a result and an error.
func DataResultError[T, R any](f func(T) (R, error)) Function {
	return taking(func(c *Call, data T) error {
		result, err := f(data)
		return c.answer(result, err)
	})
}

// ContextData is for a handler that takes a context and the data and returns nothing.
func ContextData[T any](f func(context.Context, T)) Function {
	return taking(func(c *Call, data T) error {
		f(c.Context(), data)
		return nil
	})
}

// ContextDataResult is for a handler that takes a context and the data and returns a result.
func ContextDataResult[T, R any](f func(context.Context, T) R) Function {
	return taking(func(c *Call, data T) error {
		return c.reply(f(c.Context(), data))
	})
}

// ContextDataError is for a handler that takes a context and the data and returns an error.
func ContextDataError[T any](f func(context.Context, T) error) Function {
	return taking(func(c *Call, data T) error {
		return f(c.Context(), data)
	})
}

// ContextDataResultError is for a handler that takes a context and the data and returns a result and an error.
func ContextDataResultError[T, R any](f func(context.Context, T) (R, error)) Function {
	return taking(func(c *Call, data T) error {
		result, err := f(c.Context(), data)
		return c.answer(result, err)
	})
}

// DataEvent is for a handler that takes the data and what is known of the request and returns nothing.
func DataEvent[T, E any](f func(T, E)) Function {
	return taking2(func(c *Call, data T, event E) error {
		f(data, event)
		return nil
	})
}

// DataEventResult is for a handler that takes the data and what is known of the request and returns a result.
func DataEventResult[T, E, R any](f func(T, E) R) Function {
	return taking2(func(c *Call, data T, event E) error {
		return c.reply(f(data, event))
	})
}

// DataEventError is for a handler that takes the data and what is known of the request and returns an error.
func DataEventError[T, E any](f func(T, E) error) Function {
	return taking2(func(c *Call, data T, event E) error {
		return f(data, event)
	})
}

// DataEventResultError is for a handler that takes the data and what is known of the request and returns a result and an error.
func DataEventResultError[T, E, R any](f func(T, E) (R, error)) Function {
	return taking2(func(c *Call, data T, event E) error {
		result, err := f(data, event)
		return c.answer(result, err)
	})
}
