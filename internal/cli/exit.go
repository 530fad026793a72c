package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/problem"
)

// Exit statuses. Scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1 // the command could not do what it was asked to; one sentence says why
	exitUsage       = 2 // the command line itself makes no sense
	exitNotFound    = 3
	exitForbidden   = 4 // 401 or 403
	exitUnreachable = 5
	exitRefused     = 6 // webhooks have refused the change
	exitTimeout     = 7 // what was waited for has not happened in time
	exitInterrupted = 130
)

// usageError says what makes no sense about a command line.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// notFoundError says what there is none of.
type notFoundError struct{ message string }

func (e notFoundError) Error() string        { return e.message }
func (e notFoundError) Is(target error) bool { return target == client.ErrNotFound }

var (
	// errTimeout: what was waited for has not happened.
	errTimeout = errors.New("it has not happened in time")
	// errNothingDone: somebody was asked and did not agree.
	errNothingDone = errors.New("nothing was done")
	// errFound: the command has done what it should and found what it looks for problems; it has said so.
	errFound = errors.New("problems were found")
)

// exitStatus is what a command ends with. silent says that there is nothing more to tell.
func exitStatus(err error) (status int, silent bool) {
	_, isSettings := errors.AsType[*config.Error](err)
	_, isParse := errors.AsType[*kong.ParseError](err)
	_, isUsage := errors.AsType[usageError](err)
	switch {
	case err == nil, errors.Is(err, errDryRun):
		return exitDone, true
	case errors.Is(err, errFound):
		return exitFailed, true
	case errors.Is(err, context.Canceled):
		return exitInterrupted, true
	case isUsage, isParse && !isSettings:
		return exitUsage, false
	case errors.Is(err, client.ErrNotFound):
		return exitNotFound, false
	case errors.Is(err, client.ErrForbidden):
		return exitForbidden, false
	case errors.Is(err, client.ErrRefused):
		return exitRefused, false
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable, false
	case errors.Is(err, errTimeout):
		return exitTimeout, false
	default:
		return exitFailed, false
	}
}

// sentence puts an error into words for the terminal. Of a problem it takes the members and the messages; the codes are for programs.
func sentence(err error) string {
	if settings, ok := errors.AsType[*config.Error](err); ok {
		return settings.Error() // without the name of the command, which is none of the settings
	}
	if answer, ok := errors.AsType[*client.Error](err); ok {
		before, _ := strings.CutSuffix(err.Error(), answer.Error()) // what the command says about it
		text := before + strings.Join(answer.Messages(), "\n        ")
		if answer.RequestID != "" {
			text += " (request " + answer.RequestID + ")"
		}
		return text
	}
	if _, ok := errors.AsType[*kong.ParseError](err); ok {
		return oneOf(err.Error())
	}
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || len(p.Fields)+len(p.General) == 0 {
		return err.Error()
	}
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Field[strings.LastIndex(f.Field, ".")+1:]+": "+f.Message)
	}
	for _, g := range p.General {
		all = append(all, g.Message)
	}
	return strings.Join(all, " ")
}

var notOneOf = regexp.MustCompile(`^(.+ must be one of )((?:"[^"]*",?)+) but got "(.*)"$`)

// oneOf puts what the parser says of a value that a flag cannot have as the commands say it: without the empty one, which stands for no value, and with what may be meant.
func oneOf(text string) string {
	parts := notOneOf.FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	var known []string
	for quoted := range strings.SplitSeq(parts[2], ",") {
		if name := strings.Trim(quoted, `"`); name != "" {
			known = append(known, name)
		}
	}
	return fmt.Sprintf("%s%s but got %q%s", parts[1], strings.Join(known, ", "), parts[3], didYouMean(parts[3], known))
}
