package main

import (
	"bytes"
	"os"
	"testing"
)

func TestDemo_has_the_programs_of_the_repository(t *testing.T) {
	want, err := os.ReadFile("../../programs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(demoPrograms, want) {
		t.Error("demo_programs.yaml is not programs.yaml: copy it again")
	}
}
