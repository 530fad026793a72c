package sink

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// The description of each type has all members that its settings have in the API, and no other, and a pointer to a text is what is secret there.
func TestSettings_Complete(t *testing.T) {
	t.Parallel()
	all := wire.Sink{
		Kafka: &wire.KafkaSink{}, NATS: &wire.NATSSink{TLS: &wire.SinkTLS{}}, RabbitMQ: &wire.RabbitMQSink{TLS: &wire.SinkTLS{}}, Redis: &wire.RedisSink{TLS: &wire.SinkTLS{}},
		File: &wire.FileSink{},
	}
	for _, typ := range types {
		described := map[string]bool{} // whether it is secret
		for _, s := range Settings(typ) {
			if s.Property() != "" {
				if isSecretProperty(s.Property()) != s.IsSecret() {
					t.Errorf("the property %s is secret in one place and not in the other", s.Property())
				}
				described["producer"] = false
				continue
			}
			described[s.Name] = s.IsSecret()
		}
		there := map[string]bool{}
		var look func(prefix string, v reflect.Value)
		look = func(prefix string, v reflect.Value) {
			for i := range v.NumField() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				field := v.Field(i)
				if field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct {
					look(prefix+name+".", field.Elem())
					continue
				}
				there[prefix+name] = field.Type() == reflect.TypeFor[*string]()
			}
		}
		if at := reflect.ValueOf(all); typ != wire.SinkStdout {
			for i := range at.NumField() {
				if name, _, _ := strings.Cut(at.Type().Field(i).Tag.Get("json"), ","); name == string(typ) {
					look("", at.Field(i).Elem())
				}
			}
		}
		if diff := cmp.Diff(there, described); diff != "" {
			t.Errorf("%s: in the API (-), described (+):\n%s", typ, diff)
		}
	}
}

// What is wrong with a setting is said of its member, and what is the default is left out.
func TestCheckSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sink, want string // what is left of the settings, or the codes
	}{
		"no settings":         {`{"type":"redis"}`, "[missing]sink.redis"},
		"nothing in them":     {`{"type":"redis","redis":{}}`, "[blank]sink.redis.address [blank]sink.redis.stream"},
		"an address":          {`{"type":"redis","redis":{"address":"here","stream":"s"}}`, "[invalid]sink.redis.address"},
		"one address of many": {`{"type":"nats","nats":{"servers":["a:1","b"],"subject":"s"}}`, "[invalid]sink.nats.servers[1]"},
		"no server":           {`{"type":"nats","nats":{"subject":"s"}}`, "[blank]sink.nats.servers"},
		"a subject":           {`{"type":"nats","nats":{"servers":["a:1"],"subject":"a.*"}}`, "[invalid]sink.nats.subject"},
		"braces":              {`{"type":"redis","redis":{"address":"a:1","stream":"{user}"}}`, "[invalid]sink.redis.stream"},
		"two logins":          {`{"type":"nats","nats":{"servers":["a:1"],"subject":"s","token":"t","username":"u"}}`, "[invalid]sink.nats.token"},
		"a certificate":       {`{"type":"redis","redis":{"address":"a:1","stream":"s","tls":{"enabled":true,"certificate":"x"}}}`, "[invalid]sink.redis.tls.certificate"},
		"nowhere":             {`{"type":"rabbitmq","rabbitmq":{"address":"a:1"}}`, "[blank]sink.rabbitmq.routingKey"},
		"numbers":             {`{"type":"file","file":{"path":"x","maxSize":1,"keep":1001}}`, "[invalid]sink.file.maxSize [invalid]sink.file.keep"},
		"a choice":            {`{"type":"file","file":{"path":"x","sync":"sometimes"}}`, "[invalid]sink.file.sync"},
		"properties": {
			`{"type":"kafka","kafka":{"topic":"t","producer":{"linger.ms":"soon","max.block.ms":"1"}}}`,
			"[blank]sink.kafka.producer.bootstrap.servers [invalid]sink.kafka.producer.linger.ms [invalid]sink.kafka.producer.max.block.ms",
		},
		"defaults": {`{"type":"file","file":{"path":"./x","sync":"always"}}`, `{"path":"x"}`},
		"more":     {`{"type":"rabbitmq","rabbitmq":{"address":"a:1","exchange":" e ","virtualHost":"/","username":"guest","tls":{"enabled":false}}}`, `{"address":"a:1","exchange":"e"}`},
	} {
		var w wire.Sink
		if err := json.Unmarshal([]byte(c.sink), &w); err != nil {
			t.Fatal(err)
		}
		var v problem.Validation
		if checkSettings(&v, &w) {
			drivers[w.Type].check(&v, &w)
		}
		got := ""
		if p, failed := problem.As(v.Err()); failed {
			var codes []string
			for _, f := range p.Fields {
				codes = append(codes, f.Code)
			}
			got = strings.Join(codes, " ")
			if w.Type == wire.SinkKafka { // their order is that of their names, and what is missing comes last
				slices.Sort(codes)
				got = strings.Join(codes, " ")
			}
		} else {
			text, err := json.Marshal(map[wire.SinkType]any{wire.SinkFile: w.File, wire.SinkRabbitMQ: w.RabbitMQ}[w.Type])
			if err != nil {
				t.Fatal(err)
			}
			got = string(text)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What is written as a login is read as that login.
func TestLoginText(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-512"} {
		username, password, ok := jaasLogin(LoginText(mechanism, `he"rald`, `pa\ss; word="x"`))
		if !ok || username != `he"rald` || password != `pa\ss; word="x"` {
			t.Errorf("%s: %q, %q, %v", mechanism, username, password, ok)
		}
	}
}
