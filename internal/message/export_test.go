package message

import (
	"context"
	"time"
)

// OnPause replaces the waiting between two tries. To be called before the first message.
func (s *Sender) OnPause(fn func(ctx context.Context, d time.Duration)) { s.pause = fn }
