package analytics

import (
	"reflect"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// room makes room for texts in a new column of the driver, which else doubles it as
// it grows and copies each text some four times: 1.1 CPU seconds a million clicks
// where it is 0.3 with room. The driver has no call for it, so this looks inside;
// where a release of it looks otherwise, there is no room and nothing else.
func room(in column.Interface, data any) {
	texts, ok := data.([]string)
	to, isText := in.(*column.String)
	if !ok || !isText {
		return
	}
	inside := reflect.ValueOf(to).Elem().FieldByName("col")
	if !inside.IsValid() || inside.Type() != reflect.TypeFor[proto.ColStr]() {
		return
	}
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	c := (*proto.ColStr)(unsafe.Pointer(inside.UnsafeAddr())) //nolint:gosec // of this type, as was seen
	c.Buf, c.Pos = make([]byte, 0, size), make([]proto.Position, 0, len(texts))
}
