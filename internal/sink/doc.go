// Package sink sends committed events to brokers and files. A sink is a receiver like a webhook: it is in the same registry, what it is owed stands in the same outbox,
// and its attempts are in the same log. So retries, breaker, pause, replay and explanations are those of webhooks (docs/decisions/0006-sinks-are-receivers.md). It has
// no vote.
//
//	sink.go      operations on sinks; sink_sql.go their table
//	setting.go   what describes a setting, for checks, secrets and forms alike
//	check.go     the rules that all types share
//	secret.go    which members are secret, and how they are kept apart
//	sender.go    one attempt: a record made of an event, its deadline, what became of it
//	line.go      the connection that all deliveries to one sink share: opened when needed, closed when idle or out of date
//	dial.go      the way to a broker: address policy, TLS
//	batch.go     records that go together, for those brokers that gain by it
//	integration.go  the Integration API's view of a Kafka sink
//
// One file for each type has its rules and its connection:
//
//	kafka.go (its properties: kafka_properties.go), nats.go, rabbitmq.go, redis.go, file.go, stdout.go
package sink
