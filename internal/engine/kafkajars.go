package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

const installKafka = "install Java 17 or newer and Maven, or point the configuration at an Apache Kafka of your own"

// MissingProgramError says that a program which an engine needs is not on PATH.
// It is an [ErrUnavailable].
type MissingProgramError struct {
	Program string // as "java"
	Engine  string // as "Apache Kafka"
}

func (e *MissingProgramError) Error() string {
	return fmt.Sprintf("%s needs %s, which is not on PATH", e.Engine, e.Program)
}

func (e *MissingProgramError) Unwrap() error { return ErrUnavailable }

// kafkaJars returns the folder of Apache Kafka's pinned jars, fetched by Maven
// the first time.
func kafkaJars(ctx context.Context, progress io.Writer) (string, error) {
	pin := pins.ApacheKafka
	dir, err := fetchOnce(ctx, "apache-kafka-"+pin.Version, progress, func(dir string) error {
		return fetchKafkaJars(ctx, progress, pin, dir)
	})
	var missing *MissingProgramError
	if errors.As(err, &missing) {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("%w: fetch Apache Kafka: %w; %s", ErrUnavailable, err, installKafka)
	}
	return dir, nil
}

func fetchKafkaJars(ctx context.Context, progress io.Writer, pin pinnedJars, dir string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return &MissingProgramError{Program: "mvn", Engine: apacheKafkaName}
	}
	pom := filepath.Join(dir, "pom.xml")
	if err := writePOM(pom, pin); err != nil {
		return err
	}
	what := fmt.Sprintf("Apache Kafka %s (%d jars, %d MB)", pin.Version, len(pin.Jars), pin.Megabytes)
	args := []string{"-q", "-B", "-f", pom, pin.CopyPlugin + ":copy-dependencies", "-DoutputDirectory=" + dir}
	if err := runClient(ctx, progress, what, dir, maven, args...); err != nil {
		return err
	}
	for _, jar := range pin.Jars {
		if err := checkSHA256(filepath.Join(dir, jar.file()), jar.SHA256); err != nil {
			return err
		}
	}
	return os.Remove(pom)
}

// pomTemplate names every jar itself and lets none bring others, so that what is
// fetched is exactly what is pinned.
var pomTemplate = template.Must(template.New("pom").Parse(strings.TrimSpace(`
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>grapevine</groupId><artifactId>apache-kafka</artifactId><version>{{.Version}}</version><packaging>pom</packaging>
  <dependencies>{{range .Jars}}
    <dependency>
      <groupId>{{.Group}}</groupId><artifactId>{{.Artifact}}</artifactId><version>{{.Version}}</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>{{end}}
  </dependencies>
</project>
`)))

func writePOM(path string, pin pinnedJars) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write what Maven is to fetch: %w", err)
	}
	if err := pomTemplate.Execute(f, pin); err != nil {
		f.Close() //nolint:errcheck // the first error is the one to tell
		return fmt.Errorf("write what Maven is to fetch: %w", err)
	}
	return f.Close()
}
