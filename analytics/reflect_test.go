package analytics

import "reflect"

func newOf(t reflect.Type) any { return reflect.New(t).Interface() }

func pointee(p any) any {
	v := reflect.ValueOf(p).Elem()
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return v.Interface()
}
