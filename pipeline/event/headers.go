package event

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// attributeHeaders reads the attributes of a binary-mode event. A header
// without value is absent.
func (r *reader) attributeHeaders(headers []Header, to body) {
	for i := range headers {
		h := &headers[i]
		name, ok := strings.CutPrefix(h.Key, attributePrefix)
		if !ok || h.Value == nil {
			continue
		}
		bit := attributeBit(name, to) &^ (attrData | attrBase64)
		switch {
		case bit == 0:
			continue
		case r.attributes.seen&bit != 0:
			r.add("the header %s is given twice", h.Key)
			continue
		case !utf8.Valid(h.Value):
			r.attributes.settled |= bit
			r.add("the header %s is not valid UTF-8", h.Key)
		case len(h.Value) > 0:
			r.attributes.settled |= bit
			r.setAttribute(bit, viewOf(h.Value), to)
		}
		r.attributes.seen |= bit
	}
}

// attributeBit tells which attribute a name is, 0 for one that is ignored.
func attributeBit(name string, to body) uint32 {
	switch name {
	case "specversion":
		return attrSpecversion
	case "id":
		return attrID
	case "source":
		return attrSource
	case "type":
		return attrType
	case "time":
		return attrTime
	case "orgid":
		return attrOrg
	case "programid":
		if to.scoped() {
			return attrProgram
		}
	case "data":
		return attrData
	case "data_base64":
		return attrBase64
	}
	return 0
}

// setAttribute takes an attribute that is there and not empty.
func (r *reader) setAttribute(bit uint32, value string, to body) {
	env := to.envelope()
	if len(value) > MaxIDBytes && bit != attrBase64 && !r.longIDs {
		r.tooLong(attributeNames[bits.TrailingZeros32(bit)], len(value), MaxIDBytes)
		return
	}
	switch bit {
	case attrSpecversion:
		r.checkVersion(value)
	case attrID:
		env.ID = value
	case attrSource:
		env.Source = value
	case attrType:
		r.setType(value, to)
	case attrTime:
		r.setTime(value, env)
	case attrOrg:
		env.OrgID = value
	case attrProgram:
		env.ProgramID = value
	case attrBase64:
		r.base64 = value
	}
}
