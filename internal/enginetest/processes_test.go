package enginetest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// only runs one test of this program in a process of its own.
func only(t *testing.T, test string, environment ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.v", "-test.run", "^"+test+"$")
	cmd.Env = append(os.Environ(), environment...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func TestApacheKafka_without_java_is_skipped_but_not_in_CI(t *testing.T) {
	withoutJava := "PATH=" + t.TempDir()
	output, err := only(t, "TestApacheKafka_is_shared", withoutJava, "CI=")
	if err != nil || !strings.Contains(output, "--- SKIP: TestApacheKafka_is_shared") || !strings.Contains(output, "not run against Apache Kafka: Apache Kafka needs java, which is not on PATH") {
		t.Errorf("on a machine without java (%v):\n%s", err, output)
	}
	if output, err := only(t, "TestApacheKafka_is_shared", withoutJava, "CI=true"); err == nil {
		t.Errorf("in CI without java:\n%s", output)
	}
}

func TestFolders_of_killed_processes_are_removed(t *testing.T) {
	temporary := t.TempDir()
	gone := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	abandoned := filepath.Join(temporary, fmt.Sprintf("grapevine-engines-%d-1", gone.Process.Pid))
	inUse := filepath.Join(temporary, fmt.Sprintf("grapevine-engines-%d-1", os.Getpid()))
	for _, dir := range []string{abandoned, inUse} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := only(t, "TestRedis_is_shared_and_answers", "TMPDIR="+temporary); err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	left, err := filepath.Glob(filepath.Join(temporary, "grapevine-engines-*"))
	if err != nil || len(left) != 1 || left[0] != inUse {
		t.Errorf("left: %q (%v), want %s alone", left, err, inUse)
	}
}

func TestClickHouse_keeps_the_database_of_a_failed_test(t *testing.T) {
	if os.Getenv("GRAPEVINE_TEST_FAILS") != "" {
		addr, database := enginetest.ClickHouse(t)
		t.Errorf("%s at %s", database, addr)
		return
	}
	output, err := only(t, t.Name(), "GRAPEVINE_TEST_FAILS=1")
	if err == nil || !strings.Contains(output, "kept database test_testclickhouse_keeps_the_database_of_a_failed_test_") {
		t.Errorf("the test that fails (%v):\n%s", err, output)
	}
}
