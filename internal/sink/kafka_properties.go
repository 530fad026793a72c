package sink

import (
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

// Properties of Kafka's producer, in its own words: org.apache.kafka.clients.producer.ProducerConfig. Those of honoured do what they say, those of ignored are accepted
// and do nothing, as they are about Java or about what the outbox does. All others are refused.

var honoured = map[string]func(p *producer, value string) (wrong string){
	"bootstrap.servers":                     (*producer).servers,
	"client.id":                             (*producer).clientID,
	"acks":                                  (*producer).acks,
	"enable.idempotence":                    (*producer).idempotence,
	"compression.type":                      (*producer).compression,
	"linger.ms":                             (*producer).linger,
	"max.request.size":                      (*producer).largest,
	"request.timeout.ms":                    (*producer).requestTimeout,
	"delivery.timeout.ms":                   (*producer).deliveryTimeout,
	"max.block.ms":                          (*producer).maxBlock,
	"buffer.memory":                         (*producer).buffer,
	"max.in.flight.requests.per.connection": (*producer).inFlight,
	"metadata.max.age.ms":                   (*producer).metadataAge,
	"connections.max.idle.ms":               (*producer).idle,
	"security.protocol":                     (*producer).protocol,
	"sasl.mechanism":                        (*producer).mechanism,
	"sasl.jaas.config":                      (*producer).jaas,
	"ssl.truststore.type":                   (*producer).storeType,
	"ssl.keystore.type":                     (*producer).storeType,
	"ssl.truststore.certificates":           (*producer).truststore,
	"ssl.keystore.certificate.chain":        (*producer).chain,
	"ssl.keystore.key":                      (*producer).key,
	"ssl.endpoint.identification.algorithm": (*producer).identification,
}

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
		read := honoured[name]
		switch {
		case read != nil:
			if wrong := read(p, value); wrong != "" {
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

// whole reads a number of a property.
func whole(value string, least, most int64, use func(int64)) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most {
		return "This is a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10) + "."
	}
	use(n)
	return ""
}

const (
	longestMillis = 10 * 60 * 1000
	mostMemory    = 1 << 30
)

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (p *producer) linger(value string) string {
	return whole(value, 0, 60_000, func(n int64) { p.add(kgo.ProducerLinger(millis(n))) })
}

func (p *producer) largest(value string) string {
	return whole(value, 1024, mostMemory, func(n int64) {
		p.add(kgo.ProducerBatchMaxBytes(int32(n)))
		p.add(kgo.BrokerMaxWriteBytes(int32(max(n+1<<20, 100<<20))))
	})
}

func (p *producer) requestTimeout(value string) string {
	return whole(value, 100, longestMillis, func(n int64) {
		p.add(kgo.ProduceRequestTimeout(millis(n)))
		p.add(kgo.RequestTimeoutOverhead(millis(n)))
	})
}

func (p *producer) deliveryTimeout(value string) string {
	return whole(value, 1000, longestMillis, func(n int64) { p.delivery = millis(n) })
}

func (p *producer) maxBlock(value string) string {
	return whole(value, 100, longestMillis, func(n int64) { p.block = millis(n) })
}

func (p *producer) buffer(value string) string {
	return whole(value, 1<<20, mostMemory, func(n int64) { p.add(kgo.MaxBufferedBytes(int(n))) })
}

func (p *producer) inFlight(value string) string {
	return whole(value, 1, 100, func(n int64) {
		p.tooManyInFlight = n > 5
		p.add(kgo.MaxProduceRequestsInflightPerBroker(int(n)))
	})
}

func (p *producer) metadataAge(value string) string {
	return whole(value, 1000, 24*60*60*1000, func(n int64) { p.add(kgo.MetadataMaxAge(millis(n))) })
}

func (p *producer) idle(value string) string {
	return whole(value, 1000, 24*60*60*1000, func(n int64) { p.add(kgo.ConnIdleTimeout(millis(n))) })
}

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
