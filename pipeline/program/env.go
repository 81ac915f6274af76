package program

import (
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The functions of this file build the parts of an Env in the documented shape,
// so that expressions see the same names and types wherever they run.

// MemberEnv is `member`. Attributes hold string, float64 or bool; an unknown
// member has empty values, so that each of its attributes is nil.
func MemberEnv(id, status, locale string, segments []string, attributes map[string]any) map[string]any {
	if segments == nil {
		segments = []string{}
	}
	if attributes == nil {
		attributes = map[string]any{}
	}
	return map[string]any{
		"id": id, "status": status, "locale": locale, "segments": segments, "attributes": attributes,
	}
}

// AttributesEnv are `member.attributes`: each a string, a float64 or a bool.
func AttributesEnv(attributes []event.Attribute) map[string]any {
	env := make(map[string]any, len(attributes))
	for _, a := range attributes {
		switch a.Kind {
		case 's':
			env[a.Key] = a.String
		case 'n':
			env[a.Key] = a.Number
		default:
			env[a.Key] = a.Bool
		}
	}
	return env
}

// ConversionEnv is `conversion`; amount in minor units of the program's
// currency as at decision (§9 (18)), metadata a map of strings.
func ConversionEnv(kind, name string, amountMinor int64, currency string, metadata map[string]any) map[string]any {
	if metadata == nil {
		metadata = map[string]any{}
	}
	return map[string]any{
		"kind": kind, "name": name, "amount_minor": amountMinor, "currency": currency, "metadata": metadata,
	}
}

// ProgramEnv is `program`.
func ProgramEnv(orgID, id, currency, timezone string) map[string]any {
	return map[string]any{"org": orgID, "id": id, "currency": currency, "timezone": timezone}
}

// StatsEnv is `stats`: a member's lifetime figures in the org. Conversions is
// the sum of credits in parts per million; lastConversionAt is in milliseconds,
// 0 for never, and is seen as RFC 3339 in UTC, or nil.
func StatsEnv(conversionsPPM, revenueMinor, uniqueClicks, lastConversionAt int64) map[string]any {
	var last any
	if lastConversionAt != 0 {
		last = time.UnixMilli(lastConversionAt).UTC().Format(time.RFC3339)
	}
	return map[string]any{
		"conversions":        float64(conversionsPPM) / 1e6,
		"revenue_minor":      revenueMinor,
		"unique_clicks":      uniqueClicks,
		"last_conversion_at": last,
	}
}
