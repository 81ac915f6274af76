package event

// DecodeFulfillment reads a record of the fulfillments topic into dst, which it
// resets. It returns every problem, nil for a valid event.
func DecodeFulfillment(rec *Record, dst *Fulfillment, limits Limits) (problems []string) {
	*dst = Fulfillment{}
	return decode(rec, (*fulfillmentBody)(dst), limits)
}

type fulfillmentBody Fulfillment

func (f *fulfillmentBody) envelope() *Envelope { return &f.Envelope }

func (f *fulfillmentBody) accepts(name string) (Type, bool) {
	switch t := Type(name); t {
	case TypeFulfilled:
		return TypeFulfilled, true
	case TypeFulfillmentFailed:
		return TypeFulfillmentFailed, true
	case TypeDecided:
		return TypeDecided, true
	}
	return "", false
}

func (f *fulfillmentBody) scoped() bool { return true }

func (f *fulfillmentBody) key() (org, id string, ok bool) { return "", f.RewardID, true }

func (f *fulfillmentBody) field(r *reader, key []byte) {
	decided := f.Type == TypeDecided
	switch string(key) {
	case "reward_id":
		r.id(1<<0, key, &f.RewardID)
		return
	case "reason":
		r.string(1<<1, key, &f.Reason, MaxTextBytes)
		return
	case "external_id":
		if !decided {
			r.id(1<<2, key, &f.ExternalID)
			return
		}
	case "decision":
		if decided {
			r.id(1<<3, key, (*string)(&f.Decision))
			return
		}
	case "actor":
		if decided {
			r.id(1<<4, key, &f.Actor)
			return
		}
	}
	r.skip()
}

func (f *fulfillmentBody) check(r *reader) {
	r.require(1<<0, f.RewardID, "reward_id")
	if f.Type != TypeDecided {
		return
	}
	r.require(1<<3, string(f.Decision), "decision")
	switch f.Decision {
	case "", Approve, Reject, Reverse:
	default:
		r.add("decision %q is not approve, reject or reverse", f.Decision)
	}
}
