package deploy_test

import (
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/grapevinehq/grapevine/config"
)

var engines = []string{"kafka", "redis", "clickhouse"}

// load reads docker-compose.yml as compose does, which checks it against the
// specification's schema and for consistency.
func load(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithWorkingDirectory(".."))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return project
}

func service(t *testing.T, project *types.Project, name string) types.ServiceConfig {
	t.Helper()
	s, err := project.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEngines_have_health_checks_data_and_a_version(t *testing.T) {
	project := load(t)
	for _, name := range engines {
		s := service(t, project, name)
		if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Interval == nil || s.HealthCheck.Timeout == nil {
			t.Errorf("%s has no full health check: %+v", name, s.HealthCheck)
		}
		if len(s.Volumes) != 1 || s.Volumes[0].Type != types.VolumeTypeVolume {
			t.Errorf("%s keeps its data in %+v, want one named volume", name, s.Volumes)
		}
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s runs %s, want a version", name, s.Image)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q, and asks for no password", name, port.Published, port.HostIP)
			}
		}
	}
}

// The versions of the images are those that the tests run on.
func TestEngines_are_the_versions_that_are_tested(t *testing.T) {
	text, err := os.ReadFile("../internal/engine/pins.json")
	if err != nil {
		t.Fatal(err)
	}
	var pins map[string]struct{ Version string }
	if err := json.Unmarshal(text, &pins); err != nil {
		t.Fatal(err)
	}
	project := load(t)
	if got, want := service(t, project, "kafka").Image, "apache/kafka:"+pins["apache_kafka"].Version; got != want {
		t.Errorf("kafka runs %s, want %s", got, want)
	}
	release := strings.Join(strings.Split(pins["libchdb"].Version, ".")[:2], ".")
	if got, want := service(t, project, "clickhouse").Image, "clickhouse/clickhouse-server:"+release; got != want {
		t.Errorf("clickhouse runs %s, want %s", got, want)
	}
}

func TestRedis_neither_evicts_nor_forgets(t *testing.T) {
	command := []string(service(t, load(t), "redis").Command)
	for setting, want := range map[string]string{"--maxmemory-policy": "noeviction", "--appendonly": "yes", "--appendfsync": "everysec"} {
		if i := slices.Index(command, setting); i < 0 || i+1 == len(command) || command[i+1] != want {
			t.Errorf("%s is not %s in %q", setting, want, command)
		}
	}
}

func TestWorkers_are_two_and_wait_for_healthy_engines(t *testing.T) {
	worker := service(t, load(t), "worker")
	if worker.Deploy == nil || worker.Deploy.Replicas == nil || *worker.Deploy.Replicas != 2 {
		t.Errorf("deploy is %+v, want 2 replicas", worker.Deploy)
	}
	if len(worker.DependsOn) != len(engines) {
		t.Errorf("waits for %v, want %v", worker.DependsOn, engines)
	}
	for _, name := range engines {
		if got := worker.DependsOn[name].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("waits for %s to be %q, want %q", name, got, types.ServiceConditionHealthy)
		}
	}
}

// The worker's own loader is asked, so that no variable is one it does not know.
func TestWorkers_settings_load_and_point_at_the_engines(t *testing.T) {
	project := load(t)
	worker := service(t, project, "worker")
	settings, err := config.LoadSettings("", environment(worker))
	if err != nil {
		t.Fatal(err)
	}
	if len(settings.Warnings) > 0 {
		t.Errorf("warnings: %q", settings.Warnings)
	}
	for name, addr := range map[string]string{
		"kafka": settings.Kafka.Brokers[0], "redis": settings.Redis.Addr, "clickhouse": settings.ClickHouse.Addr,
	} {
		if host, _, err := net.SplitHostPort(addr); err != nil || host != name {
			t.Errorf("%s is looked for at %s (%v)", name, addr, err)
		}
	}
	advertised := *service(t, project, "kafka").Environment["KAFKA_ADVERTISED_LISTENERS"]
	if !strings.Contains(advertised, "://"+settings.Kafka.Brokers[0]) {
		t.Errorf("Kafka does not advertise %s but %s", settings.Kafka.Brokers[0], advertised)
	}
	server := service(t, project, "clickhouse").Environment
	if user := *server["CLICKHOUSE_USER"]; settings.ClickHouse.Username != user {
		t.Errorf("ClickHouse knows user %s, the worker is %s", user, settings.ClickHouse.Username)
	}
	if *server["CLICKHOUSE_PASSWORD"] != *worker.Environment["GRAPEVINE_CLICKHOUSE_PASSWORD"] {
		t.Error("ClickHouse and the worker have different passwords")
	}
	if worker.StopGracePeriod == nil || settings.ShutdownTimeout >= time.Duration(*worker.StopGracePeriod) {
		t.Errorf("stop_grace_period %v is not beyond shutdown_timeout %v", worker.StopGracePeriod, settings.ShutdownTimeout)
	}
	programsAreMounted(t, worker, settings.Programs)
}

func programsAreMounted(t *testing.T, worker types.ServiceConfig, programs string) {
	t.Helper()
	for _, mount := range worker.Volumes {
		if mount.Target != programs {
			continue
		}
		if _, err := os.Stat(mount.Source); err != nil || !mount.ReadOnly {
			t.Errorf("%s is mounted from %s, read-only %v: %v", programs, mount.Source, mount.ReadOnly, err)
		}
		return
	}
	t.Errorf("nothing is mounted at %s", programs)
}

func environment(s types.ServiceConfig) []string {
	var environ []string
	for name, value := range s.Environment {
		if value != nil {
			environ = append(environ, name+"="+*value)
		}
	}
	return environ
}
