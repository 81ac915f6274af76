package loop

import "testing"

// Anybody who may commit to the group may write anything as metadata: it is read as
// written, or not at all.
func FuzzParseMetadata(f *testing.F) {
	f.Add(acknowledged(7, 100, 5))
	f.Add(`{"v":1,"n":18446744073709551615,"end":-1,"bound":true}`)
	f.Add(`{"v":1,"n":1e400}`)
	f.Add(`[[[[`)
	f.Add(`{"v":1,"n":0,"bound":true}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := ParseMetadata(text)
		if !ok && m != (Metadata{}) {
			t.Errorf("%q is refused, and read as %+v", text, m)
		}
		if ok && m.Bound && m.Completed() >= m.Number {
			t.Errorf("%q is the bound of a batch before the first", text)
		}
		if ok {
			if again, ok := ParseMetadata(encode(m)); !ok || again.Completed() != m.Completed() || again.Bound != m.Bound || again.End != m.End {
				t.Errorf("%+v is read back as %+v", m, again)
			}
		}
	})
}
