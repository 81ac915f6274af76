package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/segmentio/kafka-go"
)

const apacheKafkaName = "Apache Kafka"

// ApacheKafkaOptions say how to start an Apache Kafka broker.
type ApacheKafkaOptions struct {
	Dir      string // data folder, kept between runs; made when missing
	Port     Port
	HeapMB   int               // of the Java virtual machine; 0: 768
	Settings map[string]string // further lines of server.properties
	Progress io.Writer         // told of a fetch; nil is standard error
}

// ApacheKafka is a running Apache Kafka: one process, broker and controller, in
// KRaft mode.
type ApacheKafka struct {
	Addr    string // host:port, plain text
	process *process
}

// StartApacheKafka starts the pinned Apache Kafka with the java on PATH, and
// returns when it answers and its coordinators of groups and transactions are
// up. Without java or mvn the error is a [*MissingProgramError]. ctx bounds the
// start and not the life of the broker.
func StartApacheKafka(ctx context.Context, o ApacheKafkaOptions) (*ApacheKafka, error) {
	return onFreePort(true, func() (*ApacheKafka, error) { return startApacheKafka(ctx, o) })
}

func startApacheKafka(ctx context.Context, o ApacheKafkaOptions) (*ApacheKafka, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, &MissingProgramError{Program: "java", Engine: apacheKafkaName}
	}
	jars, err := kafkaJars(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	port, err := o.Port.choose(apacheKafkaName)
	if err != nil {
		return nil, err
	}
	controller, err := Port{}.choose("the controller of Apache Kafka")
	if err != nil {
		return nil, err
	}
	if o.Dir, err = makeFolder(apacheKafkaName, o.Dir); err != nil {
		return nil, err
	}
	if err := writeServerProperties(o, port, controller); err != nil {
		return nil, err
	}
	classpath := filepath.Join(jars, "*")
	if err := formatStorage(ctx, java, classpath, o.Dir); err != nil {
		return nil, err
	}
	return runBroker(ctx, o, java, classpath, port)
}

func runBroker(ctx context.Context, o ApacheKafkaOptions, java, classpath string, port int) (*ApacheKafka, error) {
	heap := o.HeapMB
	if heap == 0 {
		heap = 768
	}
	child, err := startProcess(processSpec{
		engine: apacheKafkaName, path: java, dir: o.Dir,
		args: []string{
			"java", fmt.Sprintf("-Xmx%dm", heap), "-Dorg.apache.logging.log4j.level=WARN",
			"-cp", classpath, "kafka.Kafka", serverProperties(o.Dir),
		},
		logFile: filepath.Join(o.Dir, "kafka.log"),
	})
	if err != nil {
		return nil, err
	}
	broker := &ApacheKafka{Addr: address(port), process: child}
	if err := child.awaitReady(ctx, broker.answers); err != nil {
		return nil, err
	}
	return broker, nil
}

func serverProperties(dir string) string { return filepath.Join(dir, "server.properties") }

// writeServerProperties keeps a lone broker light: few partitions of its own
// topics, one replica, and groups that need not wait for further members.
func writeServerProperties(o ApacheKafkaOptions, port, controller int) error {
	settings := map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  "1",
		"listeners":                                fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://%s", address(port), address(controller)),
		"advertised.listeners":                     "PLAINTEXT://" + address(port),
		"controller.listener.names":                "CONTROLLER",
		"controller.quorum.voters":                 "1@" + address(controller),
		"log.dirs":                                 filepath.Join(o.Dir, "data"),
		"auto.create.topics.enable":                "false",
		"default.replication.factor":               "1",
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "4",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "4",
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "100",
	}
	maps.Copy(settings, o.Settings)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", key, settings[key])
	}
	if err := os.WriteFile(serverProperties(o.Dir), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write the configuration of Apache Kafka: %w", err)
	}
	return nil
}

// formatStorage gives a new data folder its cluster id; one that has been used
// before is left alone.
func formatStorage(ctx context.Context, java, classpath, dir string) error {
	_, err := os.Stat(filepath.Join(dir, "data", "meta.properties"))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the data folder of Apache Kafka: %w", err)
	}
	var id [16]byte
	rand.Read(id[:]) // never fails
	id[0] = 0        // the tool takes an id that begins with a dash for an option
	cmd := exec.CommandContext(ctx, java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classpath,
		"kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id[:]), "-c", serverProperties(dir))
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format the storage of Apache Kafka, which needs Java 17 or newer: %w: %s", err, lastLines(string(output), 8))
	}
	return nil
}

// answers is nil when the broker and both of its coordinators answer. Asking for
// a coordinator is also what makes the topic that it lives on.
func (k *ApacheKafka) answers(ctx context.Context) error {
	if err := kafkaAnswers(ctx, k.Addr); err != nil {
		return err
	}
	for _, kind := range []kafka.CoordinatorKeyType{kafka.CoordinatorKeyTypeConsumer, kafka.CoordinatorKeyTypeTransaction} {
		if err := coordinatorAnswers(ctx, k.Addr, kind); err != nil {
			return err
		}
	}
	return nil
}

func coordinatorAnswers(ctx context.Context, addr string, kind kafka.CoordinatorKeyType) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(addr), Transport: transport}
	answer, err := client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: "ready", KeyType: kind})
	if err != nil {
		return err
	}
	return answer.Error
}

// Stop ends the broker in order; its data stays. When ctx is done first, it is killed.
func (k *ApacheKafka) Stop(ctx context.Context) error {
	return k.process.stop(ctx, func() error { return k.process.cmd.Process.Signal(syscall.SIGTERM) })
}

// Ended is closed when the broker is gone, for whatever reason.
func (k *ApacheKafka) Ended() <-chan struct{} { return k.process.ended }

// PID is the broker's process id.
func (k *ApacheKafka) PID() int { return k.process.pid() }
