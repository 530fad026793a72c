package wire

// Sink is a broker or a file that gets events once they are committed. Sinks are ours. A secret is in no answer; a change that does not mention one keeps it, and an
// empty text removes it.
type Sink struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is for people. Required, unique.
	Name string `json:"name,omitzero"`
	// Type says which of the members below has the settings. Required; it cannot change.
	Type SinkType `json:"type,omitzero"`
	// Enabled false keeps the sink but sends it nothing. Nil means true, and responses leave it out while true.
	Enabled *bool `json:"enabled,omitzero"`
	// AllEvents sends events of every type, else those that EventsEnabled has as true.
	AllEvents     bool      `json:"allEvents"`
	EventsEnabled Map[bool] `json:"eventsEnabled"`
	// Global sends the events of all tenants, else those of TenantIDs. Events of the whole installation belong to no tenant: they are sent when Global is set, or
	// when EventsEnabled names them.
	Global    bool `json:"global"`
	TenantIDs []ID `json:"tenantIds,omitempty"`
	// Filter is an expression about the event that must be true, as that of a webhook. Empty lets all events through.
	Filter string `json:"filter,omitzero"`

	// Of these the one that Type names is required, except that standard output has no settings.
	Kafka    *KafkaSink    `json:"kafka,omitzero"`
	NATS     *NATSSink     `json:"nats,omitzero"`
	RabbitMQ *RabbitMQSink `json:"rabbitmq,omitzero"`
	Redis    *RedisSink    `json:"redis,omitzero"`
	File     *FileSink     `json:"file,omitzero"`

	// ConnectTimeout is how long a connection may take to come up, with login; SendTimeout how long the confirmation of one event may take. In milliseconds; they default
	// to 5000 and 10000.
	ConnectTimeout int `json:"connectTimeout,omitzero"`
	SendTimeout    int `json:"sendTimeout,omitzero"`
	// RetryConfiguration says when deliveries that failed are tried again. Nil means as the server does by default.
	RetryConfiguration *RetryConfiguration `json:"retryConfiguration,omitzero"`
	// Concurrency is how many deliveries may be under way at once, 1 to 256. Zero means the default, 64.
	Concurrency int `json:"concurrency,omitzero"`
	// RateLimit is how many deliveries leave per second at most, from 0.001 to 10000. Zero means as many as can.
	RateLimit float64 `json:"rateLimit,omitzero"`
	// Ordering says in which order deliveries leave. Empty means those about one object strictly one after the other.
	Ordering SinkOrdering `json:"ordering,omitzero"`
	// BuiltIn marks a sink that the Integration API made, and only it changes.
	BuiltIn bool `json:"builtIn,omitzero"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// InsertInstant is when the sink was created, LastUpdateInstant when it was last changed. Set by the server.
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// SinkType is what a sink is.
type SinkType string

// The types of sinks.
const (
	SinkKafka    SinkType = "kafka"
	SinkNATS     SinkType = "nats" // JetStream
	SinkRabbitMQ SinkType = "rabbitmq"
	SinkRedis    SinkType = "redis" // a stream
	SinkFile     SinkType = "file"
	SinkStdout   SinkType = "stdout"
)

// SinkOrdering says in which order a sink gets its deliveries.
type SinkOrdering string

// The orderings of sinks.
const (
	SinkOrderedByLinkedObject SinkOrdering = "linkedObject" // the default
	SinkUnordered             SinkOrdering = "none"
)

// KafkaSink is a topic. In it, and in the names that other sinks send to, {type} and {tenantId} stand for those of the event.
type KafkaSink struct {
	// Topic is required.
	Topic string `json:"topic,omitzero"`
	// Producer has properties of Kafka's producer. bootstrap.servers is required. Those that have a password or a key in them are secret.
	Producer Map[string] `json:"producer"`
}

// SinkTLS is how a connection is encrypted.
type SinkTLS struct {
	// Enabled encrypts it.
	Enabled bool `json:"enabled"`
	// Certificate is in PEM form. When set it is all that is trusted; a private key in it makes it the client's certificate too. Secret.
	Certificate *string `json:"certificate,omitzero"`
}

// NATSSink is a subject of a JetStream stream.
type NATSSink struct {
	// Servers are host:port each. Required.
	Servers []string `json:"servers,omitempty"`
	// Subject is required. Stream, if set, is the stream that must take it.
	Subject string `json:"subject,omitzero"`
	Stream  string `json:"stream,omitzero"`
	// Username and Password, or Token, log in. The last two are secret.
	Username string   `json:"username,omitzero"`
	Password *string  `json:"password,omitzero"`
	Token    *string  `json:"token,omitzero"`
	TLS      *SinkTLS `json:"tls,omitzero"`
}

// RabbitMQSink is an exchange.
type RabbitMQSink struct {
	// Address is host:port. Required.
	Address string `json:"address,omitzero"`
	// VirtualHost defaults to "/".
	VirtualHost string `json:"virtualHost,omitzero"`
	// Exchange must exist; empty means the default one, where RoutingKey is the name of a queue. One of them is required. A message that no queue takes has failed.
	Exchange   string `json:"exchange,omitzero"`
	RoutingKey string `json:"routingKey,omitzero"`
	// Username and Password log in; they default to guest. The password is secret.
	Username string   `json:"username,omitzero"`
	Password *string  `json:"password,omitzero"`
	TLS      *SinkTLS `json:"tls,omitzero"`
}

// RedisSink is a stream.
type RedisSink struct {
	// Address is host:port. Required.
	Address string `json:"address,omitzero"`
	// Database is its number, 0 by default.
	Database int `json:"database,omitzero"`
	// Stream is its key. Required. It is made when it is missing, unless MustExist is set.
	Stream    string `json:"stream,omitzero"`
	MustExist bool   `json:"mustExist,omitzero"`
	// MaxLength is about how many entries the stream keeps. Zero means all.
	MaxLength int64 `json:"maxLength,omitzero"`
	// Username and Password log in. The password is secret.
	Username string   `json:"username,omitzero"`
	Password *string  `json:"password,omitzero"`
	TLS      *SinkTLS `json:"tls,omitzero"`
}

// FileSink is a file of JSON, one event a line.
type FileSink struct {
	// Path is where it is below the folder of sinks. Required, relative.
	Path string `json:"path,omitzero"`
	// Sync says when what was written is on the disk: "always" (the default) before an event counts as delivered, "never" when the operating system likes.
	Sync string `json:"sync,omitzero"`
	// MaxSize is how many bytes it grows to; then it is moved to path.1, what is there to path.2 and so on, of which Keep are kept (the default is 5). Zero means that it
	// is never moved. A file that somebody else moves is begun anew.
	MaxSize int64 `json:"maxSize,omitzero"`
	Keep    int   `json:"keep,omitzero"`
}

// SinkRequest creates, replaces or patches a sink.
type SinkRequest struct {
	Sink Sink `json:"sink"`
}

// SinkResponse has one sink.
type SinkResponse struct {
	Sink *Sink `json:"sink,omitzero"`
}

// SinksResponse has all sinks.
type SinksResponse struct {
	Sinks List[Sink] `json:"sinks"`
}

// SinkSearchRequest finds sinks.
type SinkSearchRequest struct {
	Search SinkSearch `json:"search"`
}

// SinkSearch is ordered by id, insertInstant, name or type; the default is "name ASC".
type SinkSearch struct {
	Page
	// Name finds sinks whose name contains it, in any case; * stands for anything.
	Name string   `json:"name,omitzero"`
	Type SinkType `json:"type,omitzero"`
	// TenantID finds the sinks bound to this tenant and all global ones.
	TenantID ID `json:"tenantId,omitzero"`
}

// SinkSearchResponse is one page of sinks.
type SinkSearchResponse struct {
	// Total counts all that match, not only those of the page.
	Total int        `json:"total"`
	Sinks List[Sink] `json:"sinks"`
}

// Integrations are ways to other systems: FusionAuth's Integration API.
type Integrations struct {
	// Kafka is always present in a response. Others that FusionAuth has are not kept.
	Kafka *KafkaIntegration `json:"kafka,omitzero"`
}

// KafkaIntegration sends all events to Kafka: those that a tenant has enabled, and those of the system.
type KafkaIntegration struct {
	Enabled bool `json:"enabled"`
	// DefaultTopic is required when enabled.
	DefaultTopic string `json:"defaultTopic,omitzero"`
	// Producer has properties of Kafka's producer. Without bootstrap.servers they are set to localhost:9092, max.block.ms 5000 and request.timeout.ms 2000.
	Producer Map[string] `json:"producer"`
}

// IntegrationRequest replaces or patches the integrations, IntegrationResponse has them.
type IntegrationRequest struct {
	Integrations Integrations `json:"integrations"`
}

// IntegrationResponse has the integrations.
type IntegrationResponse struct {
	Integrations *Integrations `json:"integrations,omitzero"`
}
