package sink

import (
	"context"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// driver is one type of sink.
type driver interface {
	// settings describes the settings of the type.
	settings() []Setting
	// check adds what is wrong with the settings beside each other; each by itself has been checked.
	check(v *problem.Validation, w *wire.Sink)
	// address is where the sink is, without secrets, as people may see it.
	address(w *wire.Sink) string
	// open makes the connection. ctx ends with the connect timeout.
	open(ctx context.Context, r *route) (connection, error)
}

// drivers has one for each type.
var drivers = map[wire.SinkType]driver{
	wire.SinkKafka: kafkaDriver{}, wire.SinkNATS: natsDriver{}, wire.SinkRabbitMQ: rabbitDriver{}, wire.SinkRedis: redisDriver{}, wire.SinkFile: fileDriver{}, wire.SinkStdout: stdoutDriver{},
}

// connection is an open way to one sink. It is safe for concurrent use.
type connection interface {
	// send hands a record over and waits for the confirmation, at most until ctx ends; then nobody knows whether it has arrived. receipt is what the broker
	// says about where it is now. An error that is no *failure is about the connection.
	send(ctx context.Context, r *record) (receipt string, err error)
	// ping looks whether the broker is there.
	ping(ctx context.Context) error
	// usable is false once the connection can only be replaced by another one.
	usable() bool
	// close ends it. What is under way fails.
	close()
}

// failure is an error with its class. The text is for people.
type failure struct {
	outcome egress.Outcome
	text    string
	// what it is about, if it is about more, or less, than this one attempt
	hopeless, lockedOut bool
}

func (f *failure) Error() string { return f.text }

func fail(outcome egress.Outcome, text string) *failure {
	return &failure{outcome: outcome, text: text}
}

// refused is a failure that the broker itself has declared.
func refused(text string) *failure { return fail(egress.Refused, text) }

// tooLarge is the refusal of an event that will never be taken. It is for what is known about this one event: brokers may refuse many together for the size of one.
func tooLarge(text string) *failure {
	return &failure{outcome: egress.Refused, text: text, hopeless: true}
}

// lockedOut is the refusal of a login, or of all that whoever has logged in may do.
func lockedOut(text string) *failure {
	return &failure{outcome: egress.Refused, text: text, lockedOut: true}
}
