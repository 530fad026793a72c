package identity

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Longest texts, in characters. Login ids are limited as FusionAuth's are, by what its databases can index; the rest is our choice.
const (
	maxLoginID   = 191
	maxText      = 255
	maxURL       = 2048
	maxLanguages = 100
)

// input is what a request says about a user, in canonical form. Members that only the server sets are not in it.
type input struct {
	user     wire.User // the settable members
	password string    // in clear; empty when none is to be set
	skip     bool      // leave identities unverified
	// setPassword is where the message goes with which a new user chooses a password, "" for nowhere.
	setPassword wire.IdentityType
}

// read brings a request into canonical form and adds what is wrong with it. It is the same for a creation and for the whole user that an
// update results in. path is where the user stands in the request.
func read(v *problem.Validation, path string, req wire.UserRequest, rules Rules) input {
	given := req.User.User
	in := input{password: req.User.Password, skip: req.SkipVerification}
	in.user = wire.User{
		Email:       email(v, path+".email", given.Email),
		Username:    username(v, path+".username", given.Username),
		PhoneNumber: phoneNumber(v, path+".phoneNumber", given.PhoneNumber),

		FirstName:          text(v, path+".firstName", given.FirstName, maxText),
		MiddleName:         text(v, path+".middleName", given.MiddleName, maxText),
		LastName:           text(v, path+".lastName", given.LastName, maxText),
		FullName:           text(v, path+".fullName", given.FullName, maxText),
		BirthDate:          birthDate(v, path+".birthDate", given.BirthDate),
		ImageURL:           text(v, path+".imageUrl", given.ImageURL, maxURL),
		MobilePhone:        mobilePhone(v, path+".mobilePhone", given.MobilePhone),
		ParentEmail:        email(v, path+".parentEmail", given.ParentEmail),
		PreferredLanguages: languages(v, path+".preferredLanguages", given.PreferredLanguages),
		Timezone:           timezone(v, path+".timezone", given.Timezone),
		Data:               given.Data,

		PasswordChangeRequired: given.PasswordChangeRequired,
		PasswordChangeReason:   changeReason(v, path+".passwordChangeReason", given),
		UsernameStatus:         usernameStatus(v, path+".usernameStatus", given.UsernameStatus),
		CleanSpeakID:           given.CleanSpeakID,
		Expiry:                 given.Expiry,
	}
	if given.Email == "" && given.Username == "" && given.PhoneNumber == "" {
		const message = "A user has an e-mail address, a user name or a phone number."
		v.Field(path+".email", "blank", message)
		v.Field(path+".username", "blank", message)
		v.Field(path+".phoneNumber", "blank", message)
	}
	if in.password != "" {
		rules.Password.check(v, path+".password", in.password)
	}
	return in
}

// readNew is read for a user to be created, who needs a password or the means to set one.
func readNew(v *problem.Validation, req wire.UserRequest, rules Rules) input {
	const path = "user"
	identityType := req.SendSetPasswordIdentityType
	v.Check(slices.Contains([]string{"", "email", "phone", "doNotSend"}, identityType), "sendSetPasswordIdentityType", "invalid",
		"This is one of email, phone and doNotSend.")
	toEmail, toPhone := req.SendSetPasswordEmail || identityType == "email", identityType == "phone"
	if toEmail || toPhone || identityType == "doNotSend" {
		req.User.Password = ""
		in := read(v, path, req, rules)
		switch {
		case toPhone:
			in.setPassword = wire.IdentityPhoneNumber
		case toEmail:
			in.setPassword = wire.IdentityEmail
		}
		v.Check(!toEmail || in.user.Email != "" || v.Has("user.email"), "user.email", "required", "The message to set a password needs an e-mail address.")
		v.Check(!toPhone || in.user.PhoneNumber != "" || v.Has("user.phoneNumber"), "user.phoneNumber", "required", "The message to set a password needs a phone number.")
		return in
	}
	in := read(v, path, req, rules)
	v.Check(in.password != "", "user.password", "blank", "A user needs a password, or a message to set one (sendSetPasswordEmail).")
	return in
}

func email(v *problem.Validation, path, given string) string {
	if given == "" {
		return ""
	}
	address := strings.ToLower(strings.TrimSpace(given))
	switch {
	case address == "":
		v.Field(path, "blank", "The address is blank.")
	case !isEmail(address):
		v.Field(path, "notEmail", "This is not an e-mail address.")
	case utf8.RuneCountInString(address) > maxLoginID:
		v.Field(path, "tooLong", "An e-mail address has at most %d characters.", maxLoginID)
	}
	return address
}

// isEmail accepts what a mail server would, short of quoted local parts, and domains without a dot: there are mail servers on localhost.
func isEmail(address string) bool {
	parsed, err := mail.ParseAddress(address)
	return err == nil && parsed.Name == "" && parsed.Address == address && problem.IsText(address) &&
		!strings.ContainsAny(address, " \"<>()[],;:\\")
}

func username(v *problem.Validation, path, given string) string {
	if given == "" {
		return ""
	}
	name := text(v, path, given, maxLoginID)
	v.Check(name != "", path, "blank", "The user name is blank.")
	return name
}

func phoneNumber(v *problem.Validation, path, given string) string {
	if given == "" {
		return ""
	}
	number, ok := e164(given)
	v.Check(ok, path, "invalidPhone", "This is not a phone number in international form (+14155550123).")
	return number
}

// e164 writes a phone number as + and digits. Without a country code it is one of North America, as FusionAuth takes it.
func e164(text string) (string, bool) {
	var digits strings.Builder
	international := false
	for i, r := range strings.TrimSpace(text) {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r == '+' && i == 0:
			international = true
		case strings.ContainsRune(" -.()", r):
		default:
			return "", false
		}
	}
	number := digits.String()
	if international {
		return "+" + number, len(number) >= 7 && len(number) <= 15 && number[0] != '0'
	}
	switch {
	case len(number) == 10 && number[0] >= '2':
		return "+1" + number, true
	case len(number) == 11 && number[0] == '1':
		return "+" + number, true
	}
	return "", false
}

// mobilePhone is contact data and stays as it is, as long as somebody could dial it.
func mobilePhone(v *problem.Validation, path, given string) string {
	number := text(v, path, given, maxText)
	digits := 0
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+ -.()/#*,;x", r):
			digits = -len(number)
		}
	}
	v.Check(number == "" || digits >= 3, path, "invalid", "This is not a phone number.")
	return number
}

func birthDate(v *problem.Validation, path, given string) string {
	if given == "" {
		return ""
	}
	_, err := time.Parse(time.DateOnly, given)
	v.Check(err == nil, path, "couldNotConvert", "A date is written YYYY-MM-DD.")
	return given
}

func languages(v *problem.Validation, path string, given []string) []string {
	v.Check(len(given) <= maxLanguages, path, "tooMany", "These are at most %d languages.", maxLanguages)
	var all []string
	for _, text := range given[:min(len(given), maxLanguages)] {
		l, ok := locale(text)
		switch {
		case !ok && !v.Has(path):
			v.Field(path, "couldNotConvert", "A language is written like en or en_US.")
		case ok && !slices.Contains(all, l):
			all = append(all, l)
		}
	}
	return all
}

// timezone is checked for its form only: which names exist depends on the machine.
func timezone(v *problem.Validation, path, given string) string {
	zone := text(v, path, given, maxText)
	v.Check(!strings.ContainsFunc(zone, func(r rune) bool { return !alphanumeric(string(r)) && !strings.ContainsRune("/_+-:", r) }),
		path, "couldNotConvert", "A time zone is written like America/Denver.")
	return zone
}

func changeReason(v *problem.Validation, path string, given wire.User) wire.PasswordChangeReason {
	switch given.PasswordChangeReason {
	case "":
		if given.PasswordChangeRequired {
			return wire.PasswordChangeAdministrative
		}
	case wire.PasswordChangeAdministrative, wire.PasswordChangeBreached, wire.PasswordChangeExpired, wire.PasswordChangeValidation:
		if given.PasswordChangeRequired {
			return given.PasswordChangeReason
		}
	default:
		v.Field(path, "couldNotConvert", "This is one of Administrative, Breached, Expired and Validation.")
	}
	return ""
}

func usernameStatus(v *problem.Validation, path string, given wire.ContentStatus) wire.ContentStatus {
	switch given {
	case "":
		return wire.ContentActive
	case wire.ContentActive, wire.ContentPending, wire.ContentRejected:
		return given
	}
	v.Field(path, "couldNotConvert", "This is one of ACTIVE, PENDING and REJECTED.")
	return ""
}

func text(v *problem.Validation, path, given string, longest int) string {
	v.Text(path, &given, longest)
	return given
}
