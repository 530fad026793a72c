package sink

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// The library logs what it returns as well.
func init() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// redisDriver adds to a stream of Redis.
type redisDriver struct{}

func (redisDriver) settings() []Setting {
	return withTLS(
		Setting{Name: "address", Kind: KindAddress, Required: true, Example: "redis.example.com:6379"},
		Setting{Name: "stream", Kind: KindDestination, Required: true, Example: "identity", what: "stream"},
		Setting{Name: "username", Kind: KindText}, Setting{Name: "password", Kind: KindSecret},
		Setting{Name: "database", Kind: KindNumber, Most: 1 << 20, Rare: true},
		Setting{Name: "maxLength", Kind: KindNumber, Most: math.MaxInt64, Rare: true},
		Setting{Name: "mustExist", Kind: KindSwitch, Rare: true},
	)
}

func (redisDriver) check(_ *problem.Validation, w *wire.Sink) { dropTLS(&w.Redis.TLS) }

func (redisDriver) address(w *wire.Sink) string {
	return fmt.Sprintf("redis://%s/%d/%s", w.Redis.Address, w.Redis.Database, w.Redis.Stream)
}

func (redisDriver) open(ctx context.Context, r *route) (connection, error) {
	settings := r.sink.Redis
	d, err := newDialer(r, settings.TLS)
	if err != nil {
		return nil, err
	}
	options := &redis.Options{
		Addr: settings.Address, Username: settings.Username, DB: settings.Database, DisableIdentity: true, Protocol: 2,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			return d.dial(ctx, network, address)
		},
		DialTimeout: r.connect, ReadTimeout: r.patience, WriteTimeout: r.patience, ContextTimeoutEnabled: true,
		PoolSize: 1, MaxRetries: -1, DialerRetries: 1, // the outbox tries again, and shows it
	}
	if settings.Password != nil {
		options.Password = *settings.Password
	}
	s := &redisStream{route: r, dialer: d, settings: settings, client: redis.NewClient(options)}
	if err := s.ping(ctx); err != nil {
		_ = s.client.Close()
		return nil, err
	}
	s.batcher = newBatcher(s.write)
	return s, nil
}

// redisStream sends what goes together as one pipeline over one connection.
type redisStream struct {
	*batcher

	route    *route
	dialer   *dialer
	settings *wire.RedisSink
	client   *redis.Client
}

// fieldBody is the field of an entry that has the event.
const fieldBody = "body"

func (s *redisStream) write(batch []*handed) {
	ctx, cancel := context.WithTimeout(context.Background(), s.route.patience)
	defer cancel()
	pipe := s.client.Pipeline()
	added := make([]*redis.StringCmd, len(batch))
	for i, h := range batch {
		values := []any{fieldBody, h.value, headerKey, h.key}
		for _, header := range h.headers() {
			values = append(values, header[0], header[1])
		}
		added[i] = pipe.XAdd(ctx, &redis.XAddArgs{
			Stream: h.fill(s.settings.Stream), NoMkStream: s.settings.MustExist, MaxLen: s.settings.MaxLength, Approx: s.settings.MaxLength > 0, Values: values,
		})
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, h := range batch {
		id, err := added[i].Result()
		if err != nil {
			h.done("", s.explain(err))
		} else {
			h.done("stream "+h.fill(s.settings.Stream)+", entry "+id, nil)
		}
	}
}

func (s *redisStream) explain(err error) error {
	if errors.Is(err, redis.Nil) {
		return refused(fmt.Sprintf("the stream %q does not exist", s.settings.Stream))
	}
	if said, ok := errors.AsType[redis.Error](err); ok {
		text := "Redis said: " + said.Error()
		if strings.HasPrefix(said.Error(), "WRONGPASS ") || strings.HasPrefix(said.Error(), "NOAUTH ") {
			return lockedOut(text)
		}
		return refused(text)
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return s.dialer.orDial(err)
}

func (s *redisStream) ping(ctx context.Context) error {
	pipe := s.client.Pipeline() // which has a connection apart from that of single commands
	pipe.Ping(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *redisStream) usable() bool { return true }

func (s *redisStream) close() {
	s.batcher.close()
	_ = s.client.Close()
}
