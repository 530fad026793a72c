package wire

// Listener is a temporary webhook: a program that holds one long answer of the server open, gets on it the requests that webhooks would get, and sends back what
// came of them. It lasts as long as that connection. The resource is ours.
type Listener struct {
	// ID is given by the server.
	ID ID `json:"id,omitzero"`
	// Events are the event types to hear of; a * in one stands for any text ("user.*"). None means all.
	Events []string `json:"events,omitempty"`
	// TenantID is the only tenant whose events are heard of, empty for all, and then those of the installation too. It is that of the API key or of the tenant
	// header; what a request says here is ignored.
	TenantID ID `json:"tenantId,omitzero"`
	// Transactional asks for a say: the listener is asked about transactional events like a webhook, and its answers count. Defaults to false: it only
	// observes. It takes the permission to create webhooks too.
	Transactional bool `json:"transactional"`
	// Target says for people where the requests end up: the URL that they are forwarded to. Empty means that they are only shown. Credentials and the values of
	// its query are not kept.
	Target string `json:"target,omitzero"`
	// InsertInstant is when it began to listen. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
}

// ListenerRequest begins to listen. The answer is a stream of [ListenerMessage], one on each line.
type ListenerRequest struct {
	// Listener is required; an empty object means a listener that only observes, all events.
	Listener *Listener `json:"listener,omitzero"`
}

// ListenersResponse has those who listen now.
type ListenersResponse struct {
	Listeners List[Listener] `json:"listeners"`
}

// ListenerMessage is one line of the stream. One member is set; a client passes over members that it does not know.
type ListenerMessage struct {
	// Ready is the first message.
	Ready *ListenerReady `json:"ready,omitzero"`
	// Exchange is a request to be answered.
	Exchange *ListenerExchange `json:"exchange,omitzero"`
	// Lost is how many events were left out here, because the listener or the server was too slow for them.
	Lost int `json:"lost,omitzero"`
	// Ping asks for a sign of life: POST /api/listener/{id}/alive. It comes every few seconds.
	Ping bool `json:"ping,omitzero"`
	// End is the last message.
	End *ListenerEnd `json:"end,omitzero"`
}

// ListenerReady says what the listener will hear of.
type ListenerReady struct {
	Listener Listener `json:"listener"`
	// EventTypes are the types of the catalogue that the listener hears of. Custom types come in addition where Events says so.
	EventTypes List[string] `json:"eventTypes"`
	// Voting are those of them about which its answers count at present, at one tenant at least. Empty for a listener without a say.
	Voting List[string] `json:"voting"`
	// SigningKey is what the requests are signed with. It stays the same.
	SigningKey ListenerKey `json:"signingKey"`
	// AnswerWithin is how long the answer to a vote may take, in milliseconds; a request may name less.
	AnswerWithin int `json:"answerWithin"`
	// SilentAfter is after how many milliseconds without a sign of life the server takes the listener for gone.
	SilentAfter int `json:"silentAfter"`
}

// ListenerKey is the public side of the key that signs for listeners.
type ListenerKey struct {
	Name      string       `json:"name"`
	KID       string       `json:"kid"`
	Algorithm KeyAlgorithm `json:"algorithm"`
	// JWKSPath is where the server publishes it.
	JWKSPath string `json:"jwksPath"`
}

// ListenerExchange is one request, as webhooks get it, and what is known about its event. The answer goes to POST /api/listener/{id}/answer/{exchange id}.
type ListenerExchange struct {
	ID             ID      `json:"id"`
	EventID        ID      `json:"eventId"`
	EventType      string  `json:"eventType"`
	TenantID       ID      `json:"tenantId,omitzero"`
	LinkedObjectID ID      `json:"linkedObjectId,omitzero"`
	CreateInstant  Instant `json:"createInstant"`
	// Vote says that the operation waits for the answer, and counts it. Otherwise the event is over: committed, or refused by those who were asked.
	Vote bool `json:"vote,omitzero"`
	// TransactionType is the rule that the event is, or was, decided by: None when nobody decides.
	TransactionType TransactionType `json:"transactionType"`
	// EventResult is Running for a vote.
	EventResult WebhookEventResult `json:"eventResult"`
	// OffAtTenant says that the tenant has the event switched off, so that no webhook gets it.
	OffAtTenant bool `json:"offAtTenant,omitzero"`
	// Timeout is how long the answer may take, in milliseconds.
	Timeout int `json:"timeout"`
	// Headers are those of the request, signature included, and Body its body, byte for byte as it was signed.
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// ListenerEnd says why the stream ends.
type ListenerEnd struct {
	// Reason is "stopping" (the server), "silent" (no sign of life), "denied" (the API key may not listen any more), "failed" (the store).
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// ListenerAnswerRequest says what came of a request.
type ListenerAnswerRequest struct {
	Answer ListenerAnswer `json:"answer"`
}

// ListenerAnswer is what came of a request: an answer with a status, or the reason why there was none.
type ListenerAnswer struct {
	// StatusCode is that of the answer: 2xx is a yes. Without it there was no answer, and Outcome says why.
	StatusCode int `json:"statusCode,omitzero"`
	// Outcome is one of those of attempts: "timeout", "connect", "tls", "dns", "reset", "protocol", "too large", "invalid". Ignored with a status.
	Outcome string `json:"outcome,omitzero"`
	// Exception says in words what went wrong.
	Exception string `json:"exception,omitzero"`
	// Headers and Body are those of the answer. 16 KiB of each are kept.
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitzero"`
	// BodySize is how many bytes the answer had, of which Body may hold the first. Defaults to the length of Body.
	BodySize int64 `json:"bodySize,omitzero"`
	// DurationMicros is how long the request took at the listener, in microseconds.
	DurationMicros int64 `json:"durationMicros,omitzero"`
}
