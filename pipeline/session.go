package pipeline

import "log/slog"

// Session is one partition under one generation: what a stage may know of it.
type Session struct {
	Partition  Partition
	Generation int32
	Memory     Memory // the partition's own memory in Redis
	Log        *slog.Logger
}
