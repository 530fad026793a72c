package tenant

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Defaults of an emailConfiguration. Host, port, security and sender are FusionAuth's.
const (
	defaultMailHost    = "localhost"
	defaultMailPort    = 25
	defaultFromEmail   = "change-me@example.com"
	defaultMailConnect = 3 * time.Second
	defaultMailRead    = 10 * time.Second
)

// mailPath is where a tenant has its e-mail configuration.
const mailPath = "tenant.emailConfiguration"

// Mail returns the mail server of a tenant, with its password, which no answer has.
//
// Errors: problem.ErrNotFound when there is no such tenant; a problem of kind Invalid for a server that cannot be used, which is returned all
// the same.
func (s *Service) Mail(ctx context.Context, id wire.ID) (server messenger.MailServer, err error) {
	var r row
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		r, err = loadTenant(tx, id)
		return err
	})
	if err != nil {
		return server, err
	}
	t, err := s.open(r)
	if err != nil {
		return server, err
	}
	hidden, err := s.openSecrets(r)
	if err != nil {
		return server, err
	}
	server, err = ParseMail(mailPath, t.Extra["emailConfiguration"])
	server.Password = egress.Secret(hidden["emailConfiguration.password"])
	return server, err
}

// MailAs is the mail server that a given emailConfiguration says, in place of the stored one. The stored password stands in for one that is not mentioned, but
// goes only where it has always gone: whoever may try a configuration could otherwise have it sent to a server of their own. Errors: as [ParseMail].
func MailAs(stored messenger.MailServer, path string, given json.RawMessage) (messenger.MailServer, error) {
	server, err := ParseMail(path, given)
	var mentions struct {
		Password *string `json:"password"`
	}
	if err != nil || json.Unmarshal(given, &mentions) != nil || mentions.Password != nil || server.Username == "" || stored.Password == "" {
		return server, err
	}
	if server.Host != stored.Host || server.Port != stored.Port || server.Username != stored.Username || server.Security != stored.Security ||
		server.Certificate != stored.Certificate {
		var v problem.Validation
		v.Field(path+".password", "missing",
			"The stored password is used for the stored host, port, security, certificate and user name only. Give the password for this configuration.")
		return server, v.Err()
	}
	server.Password = stored.Password
	return server, nil
}

// ParseMail reads the mail server from an emailConfiguration as a client sends it. What is absent, empty or zero has its default; nothing at all has
// all of them. The error is a problem of kind Invalid that names every member that cannot be used, below path.
func ParseMail(path string, raw json.RawMessage) (messenger.MailServer, error) {
	var v problem.Validation
	members, _ := loose.CheckObject(&v, path, raw)
	for _, secret := range []string{"password", "sslCertificate"} {
		loose.CheckText(&v, path+"."+secret, members[secret])
	}
	checkMail(&v, path, members)
	return mailOf(members), v.Err()
}

// mailOf reads the mail server from the members of an emailConfiguration. What cannot be read has its default.
func mailOf(m map[string]json.RawMessage) messenger.MailServer {
	password, _ := loose.Text(m["password"])
	certificate, _ := loose.Text(m["sslCertificate"])
	return messenger.MailServer{
		Host: trimmedOr(m["host"], defaultMailHost), Port: numberOr(m["port"], defaultMailPort),
		Security: messenger.MailSecurity(trimmedOr(m["security"], string(messenger.NoTLS))), Certificate: certificate,
		Username: trimmedOr(m["username"], ""), Password: egress.Secret(password),
		FromEmail: trimmedOr(m["defaultFromEmail"], defaultFromEmail), FromName: trimmedOr(m["defaultFromName"], ""),
		Headers:        mailHeadersOf(m["additionalHeaders"]),
		ConnectTimeout: time.Duration(numberOr(m["connectTimeout"], int(defaultMailConnect.Milliseconds()))) * time.Millisecond,
		ReadTimeout:    time.Duration(numberOr(m["readTimeout"], int(defaultMailRead.Milliseconds()))) * time.Millisecond,
		Debug:          loose.Bool(m["debug"], false),
	}
}

// trimmedOr is the text without white space around it, fallback without any.
func trimmedOr(raw json.RawMessage, fallback string) string {
	text, _ := loose.Text(raw)
	return cmp.Or(strings.TrimSpace(text), fallback)
}

// numberOr takes 0 for absent, as clients that know no absent numbers write it.
func numberOr(raw json.RawMessage, fallback int) int {
	n, _ := loose.ParseInt(raw)
	return cmp.Or(n, fallback)
}

func mailHeadersOf(raw json.RawMessage) (headers []messenger.MailHeader) {
	for _, element := range loose.Elements(raw) {
		m := loose.Members(element)
		name, isText := loose.Text(m["name"])
		value, valueIsText := loose.Text(m["value"])
		if isText && valueIsText {
			headers = append(headers, messenger.MailHeader{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
		}
	}
	return headers
}

// checkMail adds what is wrong with the members of an emailConfiguration that are about the mail server. That password and certificate, which are
// kept apart from them, are texts is checked with them.
func checkMail(v *problem.Validation, path string, m map[string]json.RawMessage) {
	for _, name := range []string{"host", "security", "username", "defaultFromEmail", "defaultFromName", "properties"} {
		loose.CheckText(v, path+"."+name, m[name])
	}
	for _, name := range []string{"port", "connectTimeout", "readTimeout"} {
		loose.CheckNumber(v, path+"."+name, m[name])
	}
	loose.CheckBool(v, path+".debug", m["debug"])
	for i, element := range loose.CheckList(v, path+".additionalHeaders", m["additionalHeaders"]) {
		one := fmt.Sprintf("%s.additionalHeaders[%d]", path, i)
		header, isObject := loose.CheckObject(v, one, element)
		for _, name := range []string{"name", "value"} {
			_, isText := loose.Text(header[name])
			v.Check(isText || !isObject, one+"."+name, "couldNotConvert", "A header has a name and a value, which are texts.")
		}
	}
	server := mailOf(m) // a member of a wrong type has its default here, which nothing is wrong with
	server.Check(v, path)
}
