package config

import "log/slog"

const hidden = "[hidden]"

// Secret is a text that prints, logs and encodes as [hidden]. Only Reveal gives
// it away.
type Secret struct{ value string }

// NewSecret wraps a text.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal is the text itself, for the one who authenticates with it.
func (s Secret) Reveal() string { return s.value }

// Set says whether there is one.
func (s Secret) Set() bool { return s.value != "" }

// String hides the text.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return hidden
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the text from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// AcceptsNumber allows a secret of digits without quotes, rather than repeat it
// in an error.
func (*Secret) AcceptsNumber() {}

// Conceal keeps the text out of every problem of the settings.
func (*Secret) Conceal() {}

// UnmarshalText takes the text.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
