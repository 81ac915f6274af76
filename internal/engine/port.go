package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
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

// Unwrap returns syscall.EADDRINUSE.
func (e *PortTakenError) Unwrap() error { return syscall.EADDRINUSE }

// Port is where an engine listens on loopback. The zero value is a free port.
type Port struct {
	Number int    // 0: any free one
	Change string // what the user sets to change it, for the error when it is taken
}

// choose returns the port's number, or a free one, after a look whether it can
// be listened on.
func (p Port) choose(engine string) (int, error) {
	if p.Number == 0 {
		return FreePort()
	}
	err := canListen(p.Number)
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, &PortTakenError{Engine: engine, Port: p.Number, Change: p.Change}
	}
	if err != nil {
		return 0, fmt.Errorf("listen on port %d for %s: %w", p.Number, engine, err)
	}
	return p.Number, nil
}

// Below the ports that Linux, and every other system, gives to connections that
// go out: a port of those may be gone again between two lives of an engine.
const firstPort, endPort = 12_000, 32_000

// FreePort returns a port on loopback that nobody listens on now, and that no
// connection will take as its own end later.
func FreePort() (int, error) {
	var err error
	for range 100 {
		number := firstPort + rand.IntN(endPort-firstPort)
		if err = canListen(number); err == nil {
			return number, nil
		}
	}
	return 0, fmt.Errorf("find a free port on %s from %d to %d: %w", loopback, firstPort, endPort-1, err)
}

func canListen(number int) error {
	listener, err := net.Listen("tcp", address(number))
	if err != nil {
		return err
	}
	return listener.Close()
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
