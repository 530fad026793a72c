package sink

import (
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Defaults, in milliseconds, and how many deliveries are under way: more than to a webhook, as brokers take many records at once.
const (
	DefaultConnectTimeout = 5000
	DefaultSendTimeout    = 10_000
	DefaultConcurrency    = 64
)

// types are all there are, in the order of their names.
var types = slices.Sorted(maps.Keys(drivers))

// Types are the types of sinks that there are.
func Types() []wire.SinkType { return slices.Clone(types) }

// check normalizes w and reports every member that cannot be accepted, together with what v holds already.
func (s *Service) check(tx *db.Tx, v *problem.Validation, w *wire.Sink) error {
	dropEmpty(w)
	if v.Name("sink.name", "A sink", &w.Name) {
		taken, err := tx.Exists(nameTaken, search.Fold(w.Name), w.ID)
		if err != nil {
			return err
		}
		v.Check(!taken, "sink.name", "duplicate", "There is a sink with the name %q already.", w.Name)
	}
	switch d := drivers[w.Type]; {
	case w.Type == "":
		v.Field("sink.type", "blank", "A sink needs a type: %s.", listed(types))
	case d == nil:
		v.Field("sink.type", "invalid", "There is no type %.40q of sinks. There are %s.", w.Type, listed(types))
	default:
		keepOnly(w)
		if checkSettings(v, w) {
			d.check(v, w)
		}
	}
	if w.ConnectTimeout != 0 {
		egress.CheckTimeout(v, "sink.connectTimeout", w.ConnectTimeout)
	}
	if w.SendTimeout != 0 {
		egress.CheckTimeout(v, "sink.sendTimeout", w.SendTimeout)
	}
	webhook.CheckTypes(v, "sink.eventsEnabled", w.EventsEnabled)
	if err := webhook.CheckTenants(tx, v, "sink.tenantIds", &w.TenantIDs); err != nil {
		return err
	}
	webhook.CheckFilter(v, "sink.filter", &w.Filter)
	webhook.CheckPace(v, "sink.", &w.RetryConfiguration, w.Concurrency, w.RateLimit)
	switch w.Ordering {
	case wire.SinkOrderedByLinkedObject:
		w.Ordering = "" // the default is left out
	case "", wire.SinkUnordered:
	default:
		v.Field("sink.ordering", "invalid", "The ordering is %q, %q, or absent.", wire.SinkOrderedByLinkedObject, wire.SinkUnordered)
	}
	if enabled(w) {
		w.Enabled = nil
	}
	return v.Err()
}

func listed(types []wire.SinkType) string {
	texts := make([]string, len(types))
	for i, t := range types {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

// keepOnly drops the settings of other types.
func keepOnly(w *wire.Sink) {
	all := *w
	w.Kafka, w.NATS, w.RabbitMQ, w.Redis, w.File = nil, nil, nil, nil, nil
	switch w.Type {
	case wire.SinkKafka:
		w.Kafka = all.Kafka
	case wire.SinkNATS:
		w.NATS = all.NATS
	case wire.SinkRabbitMQ:
		w.RabbitMQ = all.RabbitMQ
	case wire.SinkRedis:
		w.Redis = all.Redis
	case wire.SinkFile:
		w.File = all.File
	}
}

// longestName is how many bytes the name of a topic, subject or stream may have.
const longestName = 249 // Kafka's limit

// checkDestination normalizes the name of what a sink sends to.
func checkDestination(v *problem.Validation, path, what string, name *string) {
	v.Text(path, name, longestName)
	v.Check(*name != "", path, "blank", "Name the %s that events are sent to.", what)
	rest := strings.NewReplacer("{type}", "", "{tenantId}", "").Replace(*name)
	v.Check(!strings.ContainsAny(rest, "{}"), path, "invalid", "Between braces there is {type} or {tenantId}; nothing else is filled in.")
}
