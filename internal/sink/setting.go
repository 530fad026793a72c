package sink

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Setting is one setting of a type of sink, described once: what is checked of it by itself, whether it is secret, and what forms ask for. What settings mean beside each
// other is checked by the driver.
type Setting struct {
	// Name is its place among the settings of the type: "tls.enabled". That of a property of Kafka's producer is in brackets: "producer[acks]".
	Name string
	Kind SettingKind
	// Required settings have to be given in every case.
	Required bool
	// Default is what counts while nothing is said. A text that says the same is not stored.
	Default string
	// Choices are the values of a choice.
	Choices []string
	// Least and Most bound a number, which may be absent all the same.
	Least, Most int64
	// Example is what somebody might enter.
	Example string
	// Rare settings are those that few need.
	Rare bool

	// what a destination is, for people.
	what string
}

// SettingKind says what a setting is.
type SettingKind string

// The kinds of settings.
const (
	KindText        SettingKind = "text"
	KindPath        SettingKind = "path"        // of a file, which the driver checks
	KindAddress     SettingKind = "address"     // host:port
	KindAddresses   SettingKind = "addresses"   // several of them
	KindDestination SettingKind = "destination" // with {type} and {tenantId} in it, where they are wanted
	KindNumber      SettingKind = "number"
	KindSwitch      SettingKind = "switch"
	KindChoice      SettingKind = "choice"
	KindPEM         SettingKind = "pem"       // certificates, which are not secret
	KindSecret      SettingKind = "secret"    // a word
	KindSecretPEM   SettingKind = "secretPEM" // a private key, or certificates that have one with them
	KindLogin       SettingKind = "login"     // a user name and a password in one text, for Java: see [LoginText]
)

// IsSecret tells whether the setting is in no answer.
func (s Setting) IsSecret() bool {
	return s.Kind == KindSecret || s.Kind == KindSecretPEM || s.Kind == KindLogin
}

// Property is the name of a property of Kafka's producer, "" for a setting that is none.
func (s Setting) Property() string {
	name, is := strings.CutPrefix(s.Name, "producer[")
	if !is {
		return ""
	}
	return strings.TrimSuffix(name, "]")
}

// Member is the setting in errors about a sink: "sink.nats.tls.enabled".
func (s Setting) Member(of wire.SinkType) string {
	return "sink." + string(of) + "." + strings.NewReplacer("[", ".", "]", "").Replace(s.Name)
}

// Place are the names of the members that lead to the setting from the sink: {"kafka", "producer", "sasl.jaas.config"}.
func (s Setting) Place(of wire.SinkType) []string {
	if property := s.Property(); property != "" {
		return []string{string(of), "producer", property}
	}
	return append([]string{string(of)}, strings.Split(s.Name, ".")...)
}

// Settings are those that sinks of a type have, in the order in which somebody fills them in. Standard output has none.
func Settings(of wire.SinkType) []Setting {
	if d := drivers[of]; d != nil {
		return d.settings()
	}
	return nil
}

// tlsSettings are those of a connection that may be encrypted.
var tlsSettings = []Setting{{Name: "tls.enabled", Kind: KindSwitch}, {Name: "tls.certificate", Kind: KindSecretPEM, Rare: true}}

// withTLS is some settings and those of TLS.
func withTLS(some ...Setting) []Setting { return slices.Concat(some, tlsSettings) }

// member is where w has a setting of a type: a pointer to it, nil when an object around it is absent.
func member(w *wire.Sink, of wire.SinkType, name string) any {
	at := reflect.ValueOf(w).Elem()
	for step := range strings.SplitSeq(string(of)+"."+name, ".") {
		if at.Kind() == reflect.Pointer {
			if at.IsNil() {
				return nil
			}
			at = at.Elem()
		}
		kind := at.Type()
		for i := range kind.NumField() {
			if called, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ","); called == step {
				at = at.Field(i)
				break
			}
		}
	}
	return at.Addr().Interface()
}

// Value is a setting as people write it, "" when nothing is said or it is secret; addresses have commas between them.
func Value(w *wire.Sink, s Setting) string {
	if s.IsSecret() {
		return ""
	}
	if property := s.Property(); property != "" {
		if w.Kafka == nil {
			return ""
		}
		return w.Kafka.Producer[property]
	}
	switch at := member(w, w.Type, s.Name).(type) {
	case *string:
		return *at
	case *[]string:
		return strings.Join(*at, ", ")
	case *bool:
		return fmt.Sprint(*at)
	case *int:
		return numberText(int64(*at))
	case *int64:
		return numberText(*at)
	}
	return ""
}

// numberText is a number for people, "" for the one that means absent.
func numberText(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// checkSettings normalizes the settings of w and adds what is wrong with each by itself. It tells whether there are settings at all.
func checkSettings(v *problem.Validation, w *wire.Sink) bool {
	all := Settings(w.Type)
	if len(all) == 0 {
		return true
	}
	if reflect.ValueOf(member(w, w.Type, all[0].Name)).Kind() != reflect.Pointer {
		v.Field("sink."+string(w.Type), "missing", "A sink of this type needs its settings.")
		return false
	}
	for _, s := range all {
		if s.Property() == "" { // those are checked in their own words
			s.check(v, w)
		}
	}
	return true
}

func (s Setting) check(v *problem.Validation, w *wire.Sink) {
	path := s.Member(w.Type)
	switch at := member(w, w.Type, s.Name).(type) {
	case *string:
		if w.BuiltIn && !enabled(w) && *at == "" { // the Integration API wants a topic only when it is enabled
			return
		}
		s.checkText(v, path, at)
	case *[]string:
		checkAddresses(v, path, at)
	case **string:
		if *at != nil && s.Kind == KindSecretPEM {
			egress.CheckPEM(v, path, *at)
		}
	case *int:
		s.checkNumber(v, path, int64(*at))
	case *int64:
		s.checkNumber(v, path, *at)
	}
}

func (s Setting) checkText(v *problem.Validation, path string, text *string) {
	switch s.Kind {
	case KindPath:
		return
	case KindAddress:
		checkAddress(v, path, text)
	case KindDestination:
		if s.Required || *text != "" {
			checkDestination(v, path, s.what, text)
		}
	case KindChoice:
		*text = strings.TrimSpace(*text)
		v.Check(*text == "" || slices.Contains(s.Choices, *text), path, "invalid", "This is %s, or absent.", strings.Join(s.Choices, " or "))
	default:
		v.Text(path, text, longestName)
	}
	if s.Default != "" && *text == s.Default {
		*text = ""
	}
}

func (s Setting) checkNumber(v *problem.Validation, path string, n int64) {
	v.Check(n == 0 || n >= s.Least && n <= s.Most, path, "invalid", "This is a whole number from %d to %d.", s.Least, s.Most)
}

// mostServers is how many addresses a sink may name.
const mostServers = 50

func checkAddresses(v *problem.Validation, path string, all *[]string) {
	if len(*all) == 0 {
		v.Field(path, "blank", "Name at least one server, as host:port.")
	}
	if len(*all) > mostServers {
		v.Field(path, "tooMany", "There are %d servers at most.", mostServers)
		return
	}
	*all = slices.Clone(*all)
	for i := range *all {
		checkAddress(v, fmt.Sprintf("%s[%d]", path, i), &(*all)[i])
	}
}
