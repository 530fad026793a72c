package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// Severity says how much a finding matters.
type Severity string

// The severities, from the worst.
const (
	Failure Severity = "failure" // something does not work
	Warning Severity = "warning" // something will not work before long, or is not what people expect
	OK      Severity = "ok"
)

// SubjectKind says what a finding is about.
type SubjectKind string

// What findings are about. None is the installation.
const (
	None      SubjectKind = ""
	Webhook   SubjectKind = "webhook"
	Sink      SubjectKind = "sink"
	Messenger SubjectKind = "messenger"
	Key       SubjectKind = "key"
	Tenant    SubjectKind = "tenant"
	Task      SubjectKind = "task"
	Store     SubjectKind = "store"
)

// Subject is what a finding is about.
type Subject struct {
	Kind SubjectKind
	ID   wire.ID // empty for the store
	Name string  // for people: a name, or a URL without credentials
}

// Code names a kind of finding. Codes are stable: texts in other languages are found by them.
type Code string

// The codes. What parameters each has is seen in its text.
const (
	CheckFailed Code = "check.failed"

	Refusing Code = "transaction.refused"

	MasterKeyGiven   Code = "masterKey.given"
	MasterKeyFile    Code = "masterKey.file"
	MasterKeyBeside  Code = "masterKey.besideDatabase"
	MasterKeyExposed Code = "masterKey.exposed"

	OutboundOpen     Code = "outbound.open"
	OutboundHardened Code = "outbound.hardened"

	StoreWell        Code = "store.well"
	StoreDamaged     Code = "store.damaged"
	StoreNotChecked  Code = "store.notChecked"
	StoreLongLog     Code = "store.longLog"
	StoreDiskFull    Code = "store.diskFull"
	StoreDiskTight   Code = "store.diskTight"
	StoreUnreachable Code = "store.unreachable"

	ClockRight Code = "clock.right"
	ClockOff   Code = "clock.off"

	WebhookWell        Code = "webhook.well"
	WebhookFailing     Code = "webhook.failing"
	WebhookPaused      Code = "webhook.paused"
	WebhookSwitchedOff Code = "webhook.switchedOff"
	WebhookDisabled    Code = "webhook.disabled"
	WebhookFailures    Code = "webhook.failures"
	WebhookBacklog     Code = "webhook.backlog"
	WebhookDead        Code = "webhook.dead"
	WebhookPlain       Code = "webhook.plain"
	WebhookNeverFires  Code = "webhook.neverFires"
	WebhookNoEvents    Code = "webhook.noEvents"
	WebhookEventOff    Code = "webhook.eventOff"
	WebhookNoAnswer    Code = "webhook.noAnswerInTime"

	SinkWell     Code = "sink.well"
	SinkFailing  Code = "sink.failing"
	SinkPaused   Code = "sink.paused"
	SinkDisabled Code = "sink.disabled"
	SinkFailures Code = "sink.failures"
	SinkBacklog  Code = "sink.backlog"
	SinkDead     Code = "sink.dead"

	EventToNobody Code = "tenant.eventToNobody"

	KeyExpired          Code = "key.expired"
	KeyExpiring         Code = "key.expiring"
	KeyUnused           Code = "key.unused"
	KeyMissing          Code = "key.missing"
	CertificateExpired  Code = "webhook.certificateExpired"
	CertificateExpiring Code = "webhook.certificateExpiring"

	MessengerFailing Code = "messenger.failing"
	MailFailing      Code = "tenant.mailFailing"
	NoMessenger      Code = "tenant.noMessenger"
	MissingMessenger Code = "tenant.missingMessenger"
	NoTemplate       Code = "tenant.noTemplate"
	MissingTemplate  Code = "tenant.missingTemplate"

	LogSize       Code = "retention.size"
	LogBehind     Code = "retention.behind"
	LogForEver    Code = "retention.forEver"
	TaskFailed    Code = "task.failed"
	ProbeAnswered Code = "probe.answered"
	ProbeFailed   Code = "probe.failed"
	ProbeReached  Code = "probe.reached"
	ProbeMissed   Code = "probe.missed"
)

// described is every code with its severity and its text. {subject} is the name of the subject, the others are parameters.
var described = map[Code]struct {
	severity Severity
	text     string
}{
	CheckFailed: {Failure, "The check of {check} could not be made: the database did not answer as hoped, or not in time."},

	Refusing: {Failure, "{event} of tenant {tenant} is set to {rule}, and {failing} of {asked} webhooks cannot be reached ({webhooks}): every such change is being refused."},

	MasterKeyGiven:   {OK, "The encryption key comes from outside of the data folder."},
	MasterKeyFile:    {OK, "The encryption key is in {file}, apart from the database."},
	MasterKeyBeside:  {Warning, "The encryption key is stored next to the database ({file}): who copies the folder has both. Pass it as HERALD_ENCRYPTION_KEY instead."},
	MasterKeyExposed: {Failure, "Other users of this machine can read the encryption key: make {file} readable to its owner only."},

	OutboundOpen:     {OK, "Outgoing requests: proxy {proxy}, private addresses allowed."},
	OutboundHardened: {OK, "Outgoing requests: proxy {proxy}, private addresses refused unless they are listed."},

	StoreWell:        {OK, "{engine} {version}, {megabytes} MB, {integrity}."},
	StoreDamaged:     {Failure, "The database is damaged: {problem}. Stop the server and restore a backup."},
	StoreNotChecked:  {OK, "The database is too large to be checked for damage in {seconds} s; that was left out."},
	StoreLongLog:     {Warning, "The write-ahead log of the database has {megabytes} MB: something reads for so long that it cannot shrink."},
	StoreDiskFull:    {Failure, "The disk of the database is nearly full: {megabytes} MB of {total} MB are free. When it is full nothing can be changed."},
	StoreDiskTight:   {Warning, "The disk of the database is filling up: {megabytes} MB of {total} MB are free."},
	StoreUnreachable: {Failure, "The database does not answer."},

	ClockRight: {OK, "The clock of this machine differs from the database's by {milliseconds} ms."},
	ClockOff:   {Warning, "The clock of this machine is wrong: the database's is {milliseconds} ms ahead. Set it, or certificates and tokens are judged wrongly."},

	WebhookWell:        {OK, "{subject}: {accepted} of {attempts} requests in the last 24 hours were accepted."},
	WebhookFailing:     {Failure, "{subject} cannot be reached since {since}: {reason}. What is owed to it waits, and its votes count as no."},
	WebhookPaused:      {Warning, "{subject} is paused since {since} ({reason}): what is owed to it waits, and it has no vote."},
	WebhookSwitchedOff: {Failure, "{subject} was switched off by the server at {since}: {reason}"},
	WebhookDisabled:    {OK, "{subject} is switched off."},
	WebhookFailures:    {Warning, "{subject} failed {failed} of {attempts} requests in the last 24 hours."},
	WebhookBacklog:     {Warning, "{waiting} deliveries wait for {subject}; the oldest is overdue since {since}."},
	WebhookDead:        {Warning, "{dead} deliveries to {subject} were given up. Send them again when its receiver is well."},
	WebhookPlain:       {Warning, "{subject} gets its events unencrypted: its address begins with http."},
	WebhookNeverFires:  {Warning, "{subject} is bound to no tenant and is not global: it gets no event of any tenant."},
	WebhookNoEvents:    {Warning, "{subject} has no event switched on: it never gets anything."},
	WebhookEventOff:    {Warning, "{subject} wants {events}, which no tenant of its own sends."},
	WebhookNoAnswer:    {Warning, "{subject} is allowed {seconds} s for an answer, longer than the {deadline} s that a change may be asked about: a vote that slow never counts."},

	SinkWell:     {OK, "Sink {subject}: {accepted} of {attempts} attempts in the last 24 hours went well."},
	SinkFailing:  {Failure, "Sink {subject} cannot be reached since {since}: {reason}. What is owed to it waits."},
	SinkPaused:   {Warning, "Sink {subject} is paused since {since} ({reason}): what is owed to it waits."},
	SinkDisabled: {OK, "Sink {subject} is switched off."},
	SinkFailures: {Warning, "{failed} of {attempts} attempts to send to the sink {subject} failed in the last 24 hours."},
	SinkBacklog:  {Warning, "{waiting} deliveries wait for the sink {subject}; the oldest is overdue since {since}."},
	SinkDead:     {Warning, "{dead} deliveries to the sink {subject} were given up. Send them again when it is well."},

	EventToNobody: {Warning, "Tenant {subject} sends {events}, which no webhook and no sink gets."},

	KeyExpired:          {Failure, "The certificate of key {subject} ended at {at}."},
	KeyExpiring:         {Warning, "The certificate of key {subject} ends in {days} days, at {at}."},
	KeyUnused:           {OK, "Nothing uses key {subject}."},
	KeyMissing:          {Failure, "{subject} names the key {key}, which does not exist."},
	CertificateExpired:  {Failure, "A certificate that {subject} is known by ended at {at}: no request can succeed."},
	CertificateExpiring: {Warning, "A certificate that {subject} is known by ends in {days} days, at {at}."},

	MessengerFailing: {Warning, "{failed} messages through {subject} failed in the last 24 hours, the last with: {outcome}."},
	MailFailing:      {Warning, "{failed} e-mails of tenant {subject} failed in the last 24 hours, the last with: {outcome}."},
	NoMessenger:      {Failure, "Tenant {subject} offers second factors by {kind} and has no messenger for them."},
	MissingMessenger: {Failure, "Tenant {subject} sends second factors by {kind} through the messenger {messenger}, which does not exist."},
	NoTemplate:       {Failure, "Tenant {subject} offers second factors by {kind} and has no template for them."},
	MissingTemplate:  {Failure, "Tenant {subject} writes second factors by {kind} with the template {template}, which does not exist."},

	LogSize:       {OK, "About {events} events are on record, the oldest of {since}, {megabytes} MB with everything else; about {removable} of them are older than the {days} days that are kept."},
	LogBehind:     {Warning, "Events are kept for {days} days, but the oldest is of {since}: removing does not keep up. About {removable} wait to be removed."},
	LogForEver:    {Warning, "Events are kept for ever, and take {megabytes} MB. Set how long they are to be kept, or watch the disk."},
	TaskFailed:    {Warning, "A task ({kind}) failed at {at}: {error}"},
	ProbeAnswered: {OK, "{subject} answered {status} in {milliseconds} ms."},
	ProbeFailed:   {Failure, "{subject} did not answer ({outcome}): {reason}."},
	ProbeReached:  {OK, "Sink {subject} was reached in {milliseconds} ms."},
	ProbeMissed:   {Failure, "Sink {subject} could not be reached ({outcome}): {reason}."},
}

// Codes are all codes there are, in no order.
func Codes() []Code {
	codes := make([]Code, 0, len(described))
	for c := range described {
		codes = append(codes, c)
	}
	return codes
}

// Finding is something that a check has found.
type Finding struct {
	Code     Code
	Severity Severity
	Subject  Subject
	// Params are the parts of the text, by name: texts, whole numbers, lists of texts and wire.Instant.
	Params map[string]any
}

// Text is the finding in English.
func (f Finding) Text() string {
	pairs := []string{"{subject}", f.Subject.Name}
	for name, value := range f.Params {
		pairs = append(pairs, "{"+name+"}", shown(value))
	}
	return strings.NewReplacer(pairs...).Replace(described[f.Code].text)
}

func shown(value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ", ")
	case wire.Instant:
		return v.Shown()
	default:
		return fmt.Sprint(v)
	}
}

// newFinding makes a finding of pairs of names and values.
func newFinding(code Code, about Subject, params ...any) Finding {
	f := Finding{Code: code, Severity: described[code].severity, Subject: about, Params: map[string]any{}}
	for i := 0; i+1 < len(params); i += 2 {
		f.Params[params[i].(string)] = params[i+1]
	}
	return f
}

// findings collects.
type findings []Finding

func (all *findings) add(code Code, about Subject, params ...any) {
	*all = append(*all, newFinding(code, about, params...))
}

// sorted are the findings, the worst first.
func (all findings) sorted() []Finding {
	order := []Severity{Failure, Warning, OK}
	slices.SortStableFunc(all, func(a, b Finding) int { return slices.Index(order, a.Severity) - slices.Index(order, b.Severity) })
	return all
}

// few are the first of many texts, and how many more there are.
func few(all []string) []string {
	const most = 5
	if len(all) <= most {
		return all
	}
	return append(slices.Clone(all[:most]), fmt.Sprintf("%d more", len(all)-most))
}
