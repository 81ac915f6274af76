package main

import "testing"

func TestExit_codes_tell_why(t *testing.T) {
	for name, of := range map[string]struct {
		arguments []string
		want      int
	}{
		"help":                     {[]string{"--help"}, 0},
		"an unknown flag":          {[]string{"--nonsense"}, 2},
		"no time":                  {[]string{"--rest", "yesterday"}, 2},
		"no programs":              {[]string{"--programs", "nowhere.yaml"}, 2},
		"nobody there to be asked": {[]string{"--programs", "../../../examples/programs.yaml", "--clickhouse", "127.0.0.1:1"}, 2},
	} {
		if got := run(t.Context(), of.arguments); got != of.want {
			t.Errorf("%s: exit code %d, want %d", name, got, of.want)
		}
	}
}
