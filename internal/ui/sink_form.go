package ui

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/wire"
)

var sinkFormRoutes = []route{
	{"GET /admin/sink/add", signedIn, admin.Webhooks, admin.Change, (*server).addSink},
	{"POST /admin/sink/add", signedIn, admin.Webhooks, admin.Change, (*server).createSink},
	{"POST /admin/sink/check", signedIn, admin.Webhooks, admin.Change, (*server).checkSink},
	{"GET /admin/sink/{id}/edit", signedIn, admin.Webhooks, admin.Change, (*server).editSink},
	{"POST /admin/sink/{id}/edit", signedIn, admin.Webhooks, admin.Change, (*server).updateSink},
}

type sinkForm struct {
	wire.Sink
	// New tells that the sink does not exist yet.
	New     bool
	Tenants []wire.Tenant
	// Secrets are the settings whose secrets are there.
	Secrets []string
	// Warnings are what its owner will want to know.
	Warnings []warning
}

// addSink asks for the type first, and then for the rest.
func (s *server) addSink(v *visit) error {
	w := wire.Sink{Type: wire.SinkType(v.FormValue("type")), AllEvents: true, Global: true}
	if slices.Contains(sink.Types(), w.Type) {
		return s.showSinkForm(v, w, true)
	}
	v.under("Sinks", "/admin/sink")
	return v.show("sink-types", "SinkAdd", sink.Types())
}

func (s *server) createSink(v *visit) error {
	w, err := v.sinkOf(wire.Sink{})
	id := w.ID
	if err == nil {
		// The audit log gets it without its secrets, which are named like nothing that it knows.
		id, err = create(v, "sink", id, sink.Shown(w), func(ctx context.Context, id wire.ID, _ wire.Sink) (wire.Sink, error) {
			return s.Sinks.Create(ctx, id, w)
		})
	}
	if err != nil {
		kind := wire.SinkType(v.PostFormValue("sink.type"))
		if !slices.Contains(sink.Types(), kind) { // no form of ours
			return err
		}
		return v.again(atInputs(err), func() error { return s.showSinkForm(v, wire.Sink{Type: kind}, true) })
	}
	return v.done("SinkCreated", "/admin/sink/"+string(id))
}

func (s *server) editSink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if w.BuiltIn && v.problem == nil {
		v.redirect(integrationOf(w))
		return nil
	}
	return s.showSinkForm(v, w, false)
}

func (s *server) updateSink(v *visit) error {
	c := v.changing("Changed the sink %s", v.id()).of("sink", v.id())
	_, err := s.Sinks.Update(c.context(), v.id(), func(current wire.Sink) (wire.Sink, error) {
		next, err := v.sinkOf(current)
		c.before, c.after = current, sink.Shown(next)
		return next, err
	})
	if err != nil {
		return v.again(atInputs(err), func() error { return s.editSink(v) })
	}
	return v.done("SinkSaved", "/admin/sink/"+string(v.id()))
}

// sinkOf is what the form makes of a sink.
func (v *visit) sinkOf(current wire.Sink) (wire.Sink, error) {
	var request wire.SinkRequest
	var wrong problem.Validation
	if err := wrong.Merge(v.fill(wire.SinkRequest{Sink: current}, &request)); err != nil {
		return wire.Sink{}, err
	}
	w := request.Sink
	if w.Type == wire.SinkKafka {
		if w.Kafka == nil {
			w.Kafka = &wire.KafkaSink{}
		}
		v.setLogin(&wrong, &w.Kafka.Producer, func(member string) string { return member })
	}
	v.setCustom(&wrong, &w.EventsEnabled)
	if v.PostForm.Has("delays") {
		w.RetryConfiguration = v.schedule(&wrong)
	}
	return w, wrong.Err()
}

// Inputs of a login are called as its setting, and then what they have.
const loginUsername, loginPassword = "{username}", "{password}"

// setLogin makes one property of the user name and the password of a login. Where nothing is entered it stays as it is. called is what the form calls a member of a sink.
func (v *visit) setLogin(wrong *problem.Validation, producer *wire.Map[string], called func(ofSink string) string) {
	for _, setting := range sink.Settings(wire.SinkKafka) {
		if setting.Kind != sink.KindLogin {
			continue
		}
		name, member := called(nameOfSetting(wire.SinkKafka, setting)), called(setting.Member(wire.SinkKafka))
		username, password := strings.TrimSpace(v.PostForm.Get(name+loginUsername)), v.PostForm.Get(name+loginPassword)
		if username == "" && password == "" {
			continue
		}
		wrong.Check(username != "", member, "blank", "%s", v.text.say("SettingLoginUsername"))
		wrong.Check(password != "", member+loginPassword, "blank", "%s", v.text.say("SettingLoginPassword"))
		if *producer == nil {
			*producer = wire.Map[string]{}
		}
		(*producer)[setting.Property()] = sink.LoginText((*producer)["sasl.mechanism"], username, password)
	}
}

// atInputs is an error whose details name the inputs of the form: what is wrong with one of several addresses is wrong with the input that has them all.
func atInputs(err error) error {
	p, ok := problem.As(err)
	if !ok {
		return err
	}
	renamed := *p
	renamed.Fields = slices.Clone(p.Fields)
	for i, f := range renamed.Fields {
		before, place, _ := strings.Cut(strings.TrimSuffix(f.Field, "]"), "[")
		if _, err := strconv.Atoi(place); err == nil {
			renamed.Fields[i].Field = before
		}
	}
	return &renamed
}

// checkSink tells what the owner of the sink in the form will want to know, while it is written.
func (s *server) checkSink(v *visit) error {
	var current wire.Sink
	var secrets []string
	if id := wire.ID(v.URL.Query().Get("id")); id != "" {
		var err error
		if current, err = s.Sinks.Load(v.Context(), id); err != nil {
			return err
		}
		if secrets, err = s.Sinks.Secrets(v.Context(), id); err != nil {
			return err
		}
	}
	w, err := v.sinkOf(current)
	if _, ok := problem.As(err); err != nil && !ok {
		return err
	}
	form := sinkForm{Sink: w, New: current.ID == ""}
	if err == nil {
		form.Warnings = warningsOfSink(w, slices.Concat(secrets, sink.SecretsOf(&w)))
	}
	return v.part("sink-form", "checked", form)
}

func (s *server) showSinkForm(v *visit, w wire.Sink, isNew bool) (err error) {
	form := sinkForm{Sink: w, New: isNew}
	if form.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return err
	}
	v.under("Sinks", "/admin/sink")
	if isNew {
		v.of = v.text.say("SinkType_" + string(w.Type))
		return v.show("sink-form", "SinkAdd", form)
	}
	if form.Secrets, err = s.Sinks.Secrets(v.Context(), w.ID); err != nil {
		return err
	}
	form.Warnings = warningsOfSink(w, form.Secrets)
	v.of = w.Name
	return v.show("sink-form", "SinkEdit", form)
}

// On tells whether the sink is switched on.
func (f sinkForm) On() bool { return f.Enabled == nil || *f.Enabled }

// Switches are what chooses the types of events, Bindings the tenants.
func (f sinkForm) Switches() eventSwitches { return eventSwitches{"sink", f.EventsEnabled} }

func (f sinkForm) Bindings() bindings { return bindings{"sink", f.Global, f.TenantIDs, f.Tenants} }

// Schedule says when a delivery is tried.
func (f sinkForm) Schedule() schedule { return schedule{f.RetryConfiguration} }

// Orderings are the choices of an order.
func (f sinkForm) Orderings(at frame) []option {
	return []option{{Text: at.Say("OrderedByObject")}, {Value: string(wire.SinkUnordered), Text: at.Say("OrderedNot")}}
}

// DataOf is the free data as JSON, "" for none.
func (f sinkForm) DataOf() (string, error) { return jsonOf(f.Data) }

// ConnectStandard, SendStandard and ConcurrencyStandard are what counts while nothing is entered.
func (sinkForm) ConnectStandard() string     { return strconv.Itoa(sink.DefaultConnectTimeout) }
func (sinkForm) SendStandard() string        { return strconv.Itoa(sink.DefaultSendTimeout) }
func (sinkForm) ConcurrencyStandard() string { return strconv.Itoa(sink.DefaultConcurrency) }

// Inputs are those of the settings of the type: of those that everybody looks at, and of those that few need.
func (f sinkForm) Inputs() settingInputs { return settingInputs{sink: f.Sink, secrets: f.Secrets} }

// settingInputs are the inputs of the settings of a sink, for the part "setting-inputs".
type settingInputs struct {
	sink    wire.Sink
	secrets []string
	// member is what errors call a member of the sink; nil when that is how the sink itself calls it.
	member func(ofSink string) string
}

// Usual are the inputs that everybody looks at, Rare those that few need.
func (in settingInputs) Usual(at frame) []field { return in.inputs(at, false) }
func (in settingInputs) Rare(at frame) []field  { return in.inputs(at, true) }

// Open tells that one of the rare ones says something, or something is wrong with it.
func (in settingInputs) Open(at frame) bool {
	return slices.ContainsFunc(in.Rare(at), func(f field) bool {
		return f.Has || f.On || f.Error() != "" || f.Value != "" && f.Type != "switch"
	})
}

func (in settingInputs) inputs(at frame, rare bool) (all []field) {
	for _, setting := range sink.Settings(in.sink.Type) {
		if setting.Rare == rare {
			all = append(all, in.input(at, setting)...)
		}
	}
	return all
}

// nameOfSetting is the path of a setting in forms.
func nameOfSetting(of wire.SinkType, setting sink.Setting) string {
	return "sink." + string(of) + "." + setting.Name
}

// input is that of a setting; a login has two.
func (in settingInputs) input(at frame, setting sink.Setting) []field {
	kind := in.sink.Type
	name, member := nameOfSetting(kind, setting), setting.Member(kind)
	if in.member != nil {
		name, member = in.member(name), in.member(member)
	}
	value := sink.Value(&in.sink, setting)
	has := slices.Contains(in.secrets, setting.Name)
	f := at.Field(member, textOfSetting(setting), value).Called(name).MustWhen(setting.Required).Suggest(setting.Default)
	f.Hint = noteOfSetting(at, kind, setting)
	switch property := setting.Property() != ""; setting.Kind {
	case sink.KindAddresses:
		if !property {
			f = f.List(strings.Split(value, ", "))
		}
	case sink.KindNumber:
		if property { // which are texts, whatever they mean
			f = f.Of("number")
		} else {
			f = f.Number()
		}
	case sink.KindSwitch:
		f = f.Switch()
	case sink.KindChoice:
		none := option{Text: at.Say("SettingUnsaid")}
		if setting.Default != "" {
			none.Text = at.Say("SettingDefault", "Value", setting.Default)
		}
		options := []option{none}
		for _, choice := range setting.Choices {
			options = append(options, option{Value: choice, Text: choice})
		}
		f = f.Choice(options)
	case sink.KindPEM:
		f = f.Of("code").Lines(4)
	case sink.KindSecret:
		f = f.Secret(has).Empties()
	case sink.KindSecretPEM:
		f = f.SecretArea(has).Empties().Lines(4)
	case sink.KindLogin:
		user := at.Field(member, "SettingUsername", "").Called(name + loginUsername)
		user.Hint = f.Hint
		password := at.Field(member+loginPassword, "SettingPassword", "").Called(name).Secret(has).Empties()
		password.Name = name + loginPassword
		return []field{user, password}
	}
	return []field{f}
}

// textOfSetting is the id of the text that a setting is called by: SettingTlsEnabled of tls.enabled, whatever the type.
func textOfSetting(setting sink.Setting) string { return "Setting" + inWords(setting) }

// noteOfSetting is what there is to say about a setting of a type.
func noteOfSetting(at frame, of wire.SinkType, setting sink.Setting) string {
	var parts []string
	if id, text := idOfNote(of, setting), at.Say(idOfNote(of, setting)); text != id {
		parts = append(parts, text)
	}
	if setting.Example != "" {
		parts = append(parts, at.Say("SettingExample", "Value", setting.Example))
	}
	if property := setting.Property(); property != "" {
		parts = append(parts, at.Say("SettingProperty", "Name", property))
	}
	return strings.Join(parts, " ")
}

// idOfNote is the id of that text, which there need not be: NoteNatsStream of the stream of NATS.
func idOfNote(of wire.SinkType, setting sink.Setting) string {
	return "Note" + strings.ToUpper(string(of[:1])) + string(of[1:]) + inWords(setting)
}

// inWords is the name of a setting as a part of the id of a text: TlsEnabled.
func inWords(setting sink.Setting) string {
	name := cmp.Or(setting.Property(), setting.Name)
	var b strings.Builder
	for word := range strings.SplitSeq(name, ".") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// warningsOfSink finds what keeps a sink from getting events, and what others may read. It does not look at the network.
func warningsOfSink(w wire.Sink, secrets []string) (all []warning) {
	add := func(text, tab string) {
		all = append(all, warning{Text: text, To: "/admin/sink/" + string(w.ID) + "/edit#" + tab})
	}
	named := false
	for _, on := range w.EventsEnabled {
		named = named || on
	}
	if !w.AllEvents && !named {
		add("WarnNoEvent", "events")
	}
	if !w.Global && len(w.TenantIDs) == 0 {
		add("WarnNoTenant", "tenants")
	}
	if readable(w, secrets) {
		add("WarnSinkPlain", "connection")
	}
	return all
}

// readable tells whether a password goes to another machine without being encrypted, as far as the settings say.
func readable(w wire.Sink, secrets []string) bool {
	secret, plain, far := false, true, false
	for _, setting := range sink.Settings(w.Type) {
		value := sink.Value(&w, setting)
		switch {
		case setting.Kind == sink.KindSecret || setting.Kind == sink.KindLogin:
			secret = secret || slices.Contains(secrets, setting.Name)
		case setting.Name == "tls.enabled":
			plain = value != "true"
		case setting.Property() == "security.protocol":
			plain = !strings.HasSuffix(value, "SSL")
		case setting.Kind == sink.KindAddress || setting.Kind == sink.KindAddresses:
			for address := range strings.SplitSeq(value, ",") {
				host, _, err := net.SplitHostPort(strings.TrimSpace(address))
				far = far || err == nil && !isNear(host)
			}
		}
	}
	return secret && plain && far
}
