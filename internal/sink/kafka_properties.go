package sink

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/nearest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Properties of Kafka's producer, in its own words: org.apache.kafka.clients.producer.ProducerConfig. These do what they say, those of ignored are accepted and do nothing,
// as they are about Java or about what the outbox does. All others are refused.

// property is one that does what it says. Those without a kind of setting can only be said in one way, so that no form asks for them.
type property struct {
	Setting
	// read takes a text and says what is wrong with it, count takes a number.
	read  func(p *producer, value string) (wrong string)
	count func(p *producer, n int64)
}

var properties = []property{
	{Setting{Name: "bootstrap.servers", Kind: KindAddresses, Required: true, Example: "kafka-1.example.com:9092, kafka-2.example.com:9092"}, (*producer).servers, nil},
	{Setting{Name: "security.protocol", Kind: KindChoice, Choices: []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, Default: "PLAINTEXT"}, (*producer).protocol, nil},
	{Setting{Name: "sasl.mechanism", Kind: KindChoice, Choices: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}}, (*producer).mechanism, nil},
	{Setting{Name: "sasl.jaas.config", Kind: KindLogin}, (*producer).jaas, nil},
	{Setting{Name: "ssl.truststore.certificates", Kind: KindPEM, Rare: true}, (*producer).truststore, nil},
	{Setting{Name: "ssl.keystore.certificate.chain", Kind: KindPEM, Rare: true}, (*producer).chain, nil},
	{Setting{Name: "ssl.keystore.key", Kind: KindSecretPEM, Rare: true}, (*producer).key, nil},
	{Setting{Name: "ssl.truststore.type"}, (*producer).storeType, nil},
	{Setting{Name: "ssl.keystore.type"}, (*producer).storeType, nil},
	{Setting{Name: "ssl.endpoint.identification.algorithm"}, (*producer).identification, nil},
	{Setting{Name: "client.id", Kind: KindText, Default: "herald", Rare: true}, (*producer).clientID, nil},
	{Setting{Name: "acks", Kind: KindChoice, Choices: []string{"all", "1"}, Default: "all", Rare: true}, (*producer).acks, nil},
	{Setting{Name: "enable.idempotence", Kind: KindChoice, Choices: []string{"true", "false"}, Default: "true", Rare: true}, (*producer).idempotence, nil},
	{Setting{Name: "compression.type", Kind: KindChoice, Choices: []string{"none", "gzip", "snappy", "lz4", "zstd"}, Rare: true}, (*producer).compression, nil},
	{Setting{Name: "linger.ms", Kind: KindNumber, Most: 60_000, Rare: true}, nil, (*producer).linger},
	{Setting{Name: "max.request.size", Kind: KindNumber, Least: 1024, Most: mostMemory, Default: strconv.Itoa(largestRecord), Rare: true}, nil, (*producer).largest},
	{Setting{Name: "request.timeout.ms", Kind: KindNumber, Least: 100, Most: longestMillis, Rare: true}, nil, (*producer).requestTimeout},
	{Setting{Name: "delivery.timeout.ms", Kind: KindNumber, Least: 1000, Most: longestMillis, Rare: true}, nil, (*producer).deliveryTimeout},
	{Setting{Name: "max.block.ms", Kind: KindNumber, Least: 100, Most: longestMillis, Rare: true}, nil, (*producer).maxBlock},
	{Setting{Name: "buffer.memory", Kind: KindNumber, Least: 1 << 20, Most: mostMemory, Rare: true}, nil, (*producer).buffer},
	{Setting{Name: "max.in.flight.requests.per.connection", Kind: KindNumber, Least: 1, Most: 100, Rare: true}, nil, (*producer).inFlight},
	{Setting{Name: "metadata.max.age.ms", Kind: KindNumber, Least: 1000, Most: oneDayMillis, Rare: true}, nil, (*producer).metadataAge},
	{Setting{Name: "connections.max.idle.ms", Kind: KindNumber, Least: 1000, Most: oneDayMillis, Rare: true}, nil, (*producer).idle},
}

// honoured are the same, by their names.
var honoured = func() map[string]property {
	all := map[string]property{}
	for _, p := range properties {
		all[p.Name] = p
	}
	return all
}()

var ignored = []string{
	"batch.size", "client.dns.lookup", "key.serializer", "value.serializer", "metadata.max.idle.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms", "retries",
	"retry.backoff.ms", "retry.backoff.max.ms", "receive.buffer.bytes", "send.buffer.bytes", "socket.connection.setup.timeout.ms",
	"socket.connection.setup.timeout.max.ms", "ssl.enabled.protocols", "ssl.protocol",
}

// insteadOf says what to use where a property cannot be honoured.
var insteadOf = map[string]string{
	"ssl.truststore.location": "Files of this machine are not read: set ssl.truststore.type to PEM and put the certificates into ssl.truststore.certificates.",
	"ssl.keystore.location":   "Files of this machine are not read: set ssl.keystore.type to PEM and use ssl.keystore.certificate.chain and ssl.keystore.key.",
	"ssl.key.password":        "Encrypted keys cannot be read: put the key into ssl.keystore.key without its passphrase. It is encrypted at rest.",
	"transactional.id":        "Events are sent one by one, and again when it is not known whether they arrived; there are no transactions.",
	"partitioner.class":       "Records are put into partitions by the hash of their key, as Kafka does by default.",
}

// IgnoredProperties are the properties of Kafka's producer that are accepted and do nothing.
func IgnoredProperties() []string { return slices.Clone(ignored) }

// isSecretProperty tells whether the value of a property is secret.
func isSecretProperty(name string) bool {
	name = strings.ToLower(name)
	return name == "sasl.jaas.config" || name == "ssl.keystore.key" || strings.Contains(name, "password") || strings.Contains(name, "secret")
}

// producer is what properties come to.
type producer struct {
	bootstrap []string
	options   []kgo.Opt
	secure    bool
	login     bool
	sasl      string
	username  string
	password  string
	roots     string // PEM
	identity  string // PEM: certificates
	secretKey string // PEM
	block     time.Duration
	delivery  time.Duration

	oneAck, notIdempotent bool
	tooManyInFlight       bool
}

// producerOf reads properties. What is wrong is added to v under path.
func producerOf(v *problem.Validation, path string, properties map[string]string) *producer {
	p := &producer{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value := strings.TrimSpace(properties[name])
		known, does := honoured[name]
		switch {
		case does:
			if wrong := known.wrong(p, value); wrong != "" {
				v.Field(path+"."+name, "invalid", "%s", wrong)
			}
		case slices.Contains(ignored, name):
		case insteadOf[name] != "":
			v.Field(path+"."+name, "invalid", "%s", insteadOf[name])
		default:
			hint := ""
			if near := nearest.Name(name, slices.Sorted(maps.Keys(honoured))); near != "" {
				hint = " Did you mean " + near + "?"
			}
			v.Field(path+"."+name, "invalid", "Herald does not know this property of Kafka's producer.%s", hint)
		}
	}
	if len(p.bootstrap) == 0 && !v.Has(path+".bootstrap.servers") {
		v.Field(path+".bootstrap.servers", "blank", "Name the brokers to begin with: host:port, several with commas between them.")
	}
	p.together(v, path)
	return p
}

// together checks what properties mean beside each other.
func (p *producer) together(v *problem.Validation, path string) {
	v.Check(!p.oneAck || p.notIdempotent, path+".acks", "invalid", `With acks=1 set enable.idempotence to "false".`)
	v.Check(!p.tooManyInFlight || p.notIdempotent, path+".max.in.flight.requests.per.connection", "invalid", `With more than 5 requests under way set enable.idempotence to "false".`)
	if p.login {
		v.Check(p.sasl != "", path+".sasl.mechanism", "missing", "With SASL name the mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
		v.Check(p.username != "" || v.Has(path+".sasl.jaas.config"), path+".sasl.jaas.config", "missing", "With SASL the login is required: %s", jaasForm)
	} else {
		v.Check(p.username == "", path+".security.protocol", "invalid", "With a login this is SASL_SSL or SASL_PLAINTEXT.")
	}
	certificates := p.roots != "" || p.identity != "" || p.secretKey != ""
	v.Check(p.secure || !certificates, path+".security.protocol", "invalid", "With certificates this is SSL or SASL_SSL.")
	if p.roots != "" {
		if _, err := egress.ParsePEM(p.roots); err != nil {
			v.Field(path+".ssl.truststore.certificates", "invalid", "The text %s.", err)
		}
	}
	if (p.identity == "") != (p.secretKey == "") {
		v.Field(path+".ssl.keystore.key", "missing", "ssl.keystore.certificate.chain and ssl.keystore.key need each other.")
	} else if p.identity != "" {
		if t, err := egress.ParsePEM(p.identity + "\n" + p.secretKey); err != nil || !t.HasClientCertificate() {
			v.Field(path+".ssl.keystore.key", "invalid", "The chain and the key do not fit together, or are no PEM.")
		}
	}
}

func (p *producer) servers(value string) (wrong string) {
	for address := range strings.SplitSeq(value, ",") {
		var v problem.Validation
		if address = strings.TrimSpace(address); address == "" {
			continue
		}
		if checkAddress(&v, "address", &address); v.Err() != nil {
			return "These are addresses as host:port, with commas between them."
		}
		p.bootstrap = append(p.bootstrap, address)
	}
	return ""
}

func (p *producer) add(o kgo.Opt) string {
	p.options = append(p.options, o)
	return ""
}

func (p *producer) clientID(value string) string { return p.add(kgo.ClientID(value)) }

func (p *producer) acks(value string) string {
	switch value {
	case "all", "-1":
		return ""
	case "1":
		p.oneAck = true
		return p.add(kgo.RequiredAcks(kgo.LeaderAck()))
	case "0":
		return "With 0 nothing is confirmed, so that events would be lost without notice. Use all or 1."
	}
	return "This is all or 1."
}

func (p *producer) idempotence(value string) string {
	switch value {
	case "true":
		return ""
	case "false":
		p.notIdempotent = true
		return p.add(kgo.DisableIdempotentWrite())
	}
	return "This is true or false."
}

func (p *producer) compression(value string) string {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	codec, known := codecs[value]
	if !known {
		return "This is none, gzip, snappy, lz4 or zstd."
	}
	return p.add(kgo.ProducerBatchCompression(codec))
}

const (
	longestMillis = 10 * 60 * 1000
	oneDayMillis  = 24 * 60 * 60 * 1000
	mostMemory    = 1 << 30
)

// wrong reads a value into a producer, and says what is wrong with it.
func (p property) wrong(into *producer, value string) string {
	if p.count == nil {
		return p.read(into, value)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < p.Least || n > p.Most {
		return fmt.Sprintf("This is a whole number from %d to %d.", p.Least, p.Most)
	}
	p.count(into, n)
	return ""
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (p *producer) linger(n int64) { p.add(kgo.ProducerLinger(millis(n))) }

func (p *producer) largest(n int64) {
	p.add(kgo.ProducerBatchMaxBytes(int32(n)))
	p.add(kgo.BrokerMaxWriteBytes(int32(max(n+1<<20, 100<<20))))
}

func (p *producer) requestTimeout(n int64) {
	p.add(kgo.ProduceRequestTimeout(millis(n)))
	p.add(kgo.RequestTimeoutOverhead(millis(n)))
}

func (p *producer) deliveryTimeout(n int64) { p.delivery = millis(n) }
func (p *producer) maxBlock(n int64)        { p.block = millis(n) }
func (p *producer) buffer(n int64)          { p.add(kgo.MaxBufferedBytes(int(n))) }

func (p *producer) inFlight(n int64) {
	p.tooManyInFlight = n > 5
	p.add(kgo.MaxProduceRequestsInflightPerBroker(int(n)))
}

func (p *producer) metadataAge(n int64) { p.add(kgo.MetadataMaxAge(millis(n))) }
func (p *producer) idle(n int64)        { p.add(kgo.ConnIdleTimeout(millis(n))) }

func (p *producer) protocol(value string) string {
	switch strings.ToUpper(value) {
	case "PLAINTEXT":
	case "SSL":
		p.secure = true
	case "SASL_PLAINTEXT":
		p.login = true
	case "SASL_SSL":
		p.secure, p.login = true, true
	default:
		return "This is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
	}
	return ""
}

func (p *producer) mechanism(value string) string {
	switch value {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		p.sasl = value
		return ""
	}
	return "This is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
}

const jaasForm = `org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";`

func (p *producer) jaas(value string) string {
	var ok bool
	if p.username, p.password, ok = jaasLogin(value); !ok {
		return "This is a login module with username and password: " + jaasForm
	}
	return ""
}

// LoginText is a login as the property sasl.jaas.config has it.
func LoginText(mechanism, username, password string) string {
	module := "plain.PlainLoginModule"
	if strings.HasPrefix(mechanism, "SCRAM") {
		module = "scram.ScramLoginModule"
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return `org.apache.kafka.common.security.` + module + ` required username="` + quoted.Replace(username) + `" password="` + quoted.Replace(password) + `";`
}

// jaasLogin reads username and password out of Java's description of a login.
func jaasLogin(text string) (username, password string, ok bool) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ";")
	module, rest, found := strings.Cut(text, " ")
	if !found || !strings.HasSuffix(module, "LoginModule") {
		return "", "", false
	}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		word, behind, _ := strings.Cut(rest, "=")
		if space := strings.IndexAny(word, " \t\r\n"); space >= 0 || behind == "" { // the flag: required
			_, rest, _ = strings.Cut(rest, " ")
			continue
		}
		value, after, ok := jaasValue(behind)
		if !ok {
			return "", "", false
		}
		switch word {
		case "username":
			username = value
		case "password":
			password = value
		}
		rest = after
	}
	return username, password, username != "" && password != ""
}

// jaasValue reads one value: quoted, with backslashes, or a word.
func jaasValue(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		value, rest, _ = strings.Cut(text, " ")
		return value, rest, true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c == text[0]:
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func (p *producer) storeType(value string) string {
	if strings.EqualFold(value, "PEM") {
		return ""
	}
	return "Only PEM can be read."
}

func (p *producer) truststore(value string) string { p.roots = value; return "" }
func (p *producer) chain(value string) string      { p.identity = value; return "" }
func (p *producer) key(value string) string        { p.secretKey = value; return "" }

func (p *producer) identification(value string) string {
	if strings.EqualFold(value, "https") {
		return ""
	}
	return "The name of a broker is always compared with its certificate: leave this out, or say https."
}

// mechanismOf is how the producer logs in, nil without a login.
func (p *producer) mechanismOf() sasl.Mechanism {
	switch {
	case !p.login:
		return nil
	case p.sasl == "PLAIN":
		return plain.Auth{User: p.username, Pass: p.password}.AsMechanism()
	case p.sasl == "SCRAM-SHA-256":
		return scram.Auth{User: p.username, Pass: p.password}.AsSha256Mechanism()
	default:
		return scram.Auth{User: p.username, Pass: p.password}.AsSha512Mechanism()
	}
}

// withDefaults are properties as the Integration API completes them when they name no brokers: FusionAuth's client library.
func withDefaults(properties wire.Map[string]) wire.Map[string] {
	if properties["bootstrap.servers"] != "" {
		return properties
	}
	all := wire.Map[string]{"bootstrap.servers": "localhost:9092", "max.block.ms": "5000", "request.timeout.ms": "2000"}
	for name, value := range properties {
		if value != "" || name != "bootstrap.servers" {
			all[name] = value
		}
	}
	return all
}
