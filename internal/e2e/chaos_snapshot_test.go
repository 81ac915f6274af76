package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// olderRedis comes back as it was a while ago. Every worker stops; then what came since
// is found again.
func (c *chaos) olderRedis(d disaster) error {
	noticed := c.goBack(d)
	c.kill("redis")
	if err := errors.Join(noticed, c.setAside("redis", true), c.start("redis")); err != nil {
		return err
	}
	c.relaunch()
	return nil
}

// rebuiltRedis is lost for good, and the remedy does what it says.
func (c *chaos) rebuiltRedis(d disaster) error {
	noticed := c.goBack(d)
	time.Sleep(chaosSession + time.Second) // as long as who has stopped counts as at work
	p := c.launch("rebuild")
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		p.kill()
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(p.said(), "Redis is made anew") {
		noticed = errors.Join(noticed, fmt.Errorf("rebuild ended with %d: %s", code, p.said()))
	}
	if err := errors.Join(noticed, os.RemoveAll(filepath.Join(c.engines.dir, "redis set aside"))); err != nil {
		return err
	}
	c.relaunch()
	return nil
}

// goBack takes a snapshot of Redis, lets the workers go on for a while, and gives them
// the snapshot. What they had then is set aside.
func (c *chaos) goBack(d disaster) error {
	folder := filepath.Join(c.engines.dir, "redis")
	older := folder + " of old"
	c.kill("redis")
	if err := errors.Join(os.CopyFS(older, os.DirFS(folder)), c.start("redis"), c.keepBusy(d)); err != nil {
		return err
	}
	time.Sleep(2*time.Second + d.lasts)
	c.kill("redis")
	if err := errors.Join(c.setAside("redis", false), os.Rename(older, folder), c.start("redis")); err != nil {
		return err
	}
	return c.allNotice(d)
}
