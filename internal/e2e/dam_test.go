package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// dam stands before an engine and lets everything through, until it is closed: then
// connections stay open, new ones are taken, and nothing passes either way. That is
// how a server hangs.
type dam struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	opened *sync.Cond
	closed bool
	conns  []net.Conn
}

// newDam stands before the engine at an address; before none when that is empty.
func newDam(t testing.TB, to string) *dam {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dam{listener: listener, to: to, closed: to == ""}
	d.opened = sync.NewCond(&d.mu)
	go d.accept()
	t.Cleanup(d.remove)
	return d
}

func (d *dam) addr() string { return d.listener.Addr().String() }

func (d *dam) set(closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = closed
	d.opened.Broadcast()
}

// remove ends all connections.
func (d *dam) remove() {
	d.listener.Close()
	d.set(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
}

func (d *dam) keep(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, c)
}

func (d *dam) accept() {
	for {
		near, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.keep(near)
		if d.to == "" {
			continue
		}
		far, err := net.Dial("tcp", d.to)
		if err != nil {
			near.Close()
			continue
		}
		d.keep(far)
		go d.pass(near, far)
		go d.pass(far, near)
	}
}

// pass copies one way.
func (d *dam) pass(to, from net.Conn) {
	defer to.Close()
	_, _ = io.Copy(through{to, d}, from)
}

// through writes while the dam is open.
type through struct {
	net.Conn
	dam *dam
}

// Write implements io.Writer.
func (t through) Write(b []byte) (int, error) {
	t.dam.mu.Lock()
	for t.dam.closed {
		t.dam.opened.Wait()
	}
	t.dam.mu.Unlock()
	return t.Conn.Write(b)
}
