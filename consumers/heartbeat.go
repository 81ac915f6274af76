package consumers

import (
	"context"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// heartbeatRequest goes to the group's coordinator.
type heartbeatRequest struct {
	exchange
	clientID string
	group    string
	member   member
}

type heartbeatResponse struct{ code int16 }

func (*heartbeatResponse) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

// Group has kafka-go find the coordinator.
func (r *heartbeatRequest) Group() string { return r.group }

func (r *heartbeatRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if err := r.needs(heartbeatVersion, "0.11"); err != nil {
		return nil, err
	}
	f := newFrame(int16(protocol.Heartbeat), heartbeatVersion, r.clientID).string(r.group).int32(r.member.generation).string(r.member.id)
	if err := f.send(rw); err != nil {
		return nil, err
	}
	a, err := receive(rw, maxAnswer)
	if err != nil {
		return nil, err
	}
	a.int32() // throttled
	code := a.int16()
	return &heartbeatResponse{code: code}, a.err
}

// heartbeat tells the coordinator that the member is alive.
func (c *Cluster) heartbeat(ctx context.Context, m member, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := c.transport.RoundTrip(ctx, c.addr, &heartbeatRequest{
		exchange: exchange{key: protocol.Heartbeat}, clientID: c.options.ClientID, group: c.options.Group, member: m,
	})
	if err != nil {
		return err
	}
	if code := answer.(*heartbeatResponse).code; code != 0 {
		return kafka.Error(code)
	}
	return nil
}
