package engine

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

const loopback = "127.0.0.1"

// PortTakenError says that an engine cannot listen because another program does.
type PortTakenError struct {
	Engine string // as "ClickHouse HTTP"
	Port   int
	Change string // what sets another port, as "--redis-port"; may be empty
}

func (e *PortTakenError) Error() string {
	text := fmt.Sprintf("port %d on %s, for %s, is taken by another program: stop it", e.Port, loopback, e.Engine)
	if e.Change != "" {
		text += ", or choose another port with " + e.Change
	}
	return text
}

// Port is where an engine listens on loopback. The zero value is a free port.
type Port struct {
	Number int    // 0: any free one
	Change string // what the user sets to change it, for the error when it is taken
}

// choose returns the port's number, or a free one, after a look whether it can
// be listened on.
func (p Port) choose(engine string) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(p.Number)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, &PortTakenError{Engine: engine, Port: p.Number, Change: p.Change}
	}
	if err != nil {
		return 0, fmt.Errorf("listen on port %d for %s: %w", p.Number, engine, err)
	}
	defer listener.Close() //nolint:errcheck // nothing was accepted
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// onFreePort starts an engine. Between the choice of a free port and its use
// another program may take it: if free ports were chosen, the start is tried
// again on others.
func onFreePort[T any](chosen bool, start func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		engine, err := start()
		if !chosen || attempt == 3 || !errors.Is(err, syscall.EADDRINUSE) {
			return engine, err
		}
	}
}

// errStranger is why an engine is not ready though something answers.
var errStranger = errors.New("another server answers on its port")

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
