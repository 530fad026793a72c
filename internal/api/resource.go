package api

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// objects are those that a domain package owns, as far as all such packages treat them alike.
type objects[T any] interface {
	Create(ctx context.Context, id wire.ID, o T) (T, error)
	Load(ctx context.Context, id wire.ID) (T, error)
	List(ctx context.Context) ([]T, error)
	Update(ctx context.Context, id wire.ID, change func(current T) (T, error)) (T, error)
	Delete(ctx context.Context, id wire.ID) error
	// Check reports what Update would say about o in the place of the object with that id, or Create without one, and stores nothing.
	Check(ctx context.Context, id wire.ID, o T) error
}

// resource are the handlers of objects that belong to the whole installation and have no events of their own: webhooks, messengers, templates. R is
// a request about one of them.
type resource[T, R any] struct {
	objects objects[T]
	path    string // /api/webhook, which is also what a key needs the permission for
	id      string // webhookId: what the id is called, in the path and in errors
	in      func(*R) *T
	one     func(*T) any // the answer about one object
	all     func([]T) any
	// reading is who may read them. Defaults to globalKey, which it takes for everything else.
	reading accessKind
	// unpatched, if set, is what a patch is applied to in the place of the current object.
	unpatched func(c *call, current T) T
}

func (r resource[T, R]) routes() []route {
	one, reading := r.path+"/{"+r.id+"}", cmp.Or(r.reading, globalKey)
	return []route{
		{"POST", r.path, r.path, globalKey, r.create},
		{"POST", one, r.path, globalKey, r.create},
		{"GET", r.path, r.path, reading, r.list},
		{"GET", one, r.path, reading, r.load},
		{"PUT", one, r.path, globalKey, r.replace},
		{"PATCH", one, r.path, globalKey, r.patch},
		{"DELETE", one, r.path, globalKey, r.remove},
	}
}

func (r resource[T, R]) create(c *call) (any, error) {
	id, err := c.pathID(r.id)
	if err != nil {
		return nil, err
	}
	var request R
	if err := c.decode(&request); err != nil {
		return nil, r.alsoRules(c, err, "", *r.in(&request))
	}
	o, err := r.objects.Create(c.ctx(), id, *r.in(&request))
	return r.one(&o), err
}

func (r resource[T, R]) list(c *call) (any, error) {
	all, err := r.objects.List(c.ctx())
	return r.all(all), err
}

func (r resource[T, R]) load(c *call) (any, error) {
	id, err := c.pathID(r.id)
	if err != nil {
		return nil, err
	}
	o, err := r.objects.Load(c.ctx(), id)
	return r.one(&o), err
}

func (r resource[T, R]) replace(c *call) (any, error) {
	return r.change(c, func(_ T, request *R) error { return c.decode(request) })
}

func (r resource[T, R]) patch(c *call) (any, error) {
	return r.change(c, func(current T, request *R) error {
		if r.unpatched != nil {
			current = r.unpatched(c, current)
		}
		var before R
		*r.in(&before) = current
		return c.patch(before, request)
	})
}

// change has read fill a request with what is to become of the object.
func (r resource[T, R]) change(c *call, read func(current T, request *R) error) (any, error) {
	id, err := c.pathID(r.id)
	if err != nil {
		return nil, err
	}
	var wrong error
	var request R
	o, err := r.objects.Update(c.ctx(), id, func(current T) (T, error) { // may run more than once
		request = *new(R)
		wrong = read(current, &request)
		return *r.in(&request), wrong
	})
	if wrong != nil {
		return nil, r.alsoRules(c, wrong, id, *r.in(&request))
	}
	return r.one(&o), err
}

func (r resource[T, R]) remove(c *call) (any, error) {
	id, err := c.pathID(r.id)
	if err != nil {
		return nil, err
	}
	return nil, r.objects.Delete(c.ctx(), id)
}

// alsoRules adds to the members of o that have a wrong type those that break a rule, so that a caller learns of all at once.
func (r resource[T, R]) alsoRules(c *call, wrong error, id wire.ID, o T) error {
	typed, ok := problem.As(wrong)
	if !ok || len(typed.Fields) == 0 {
		return wrong
	}
	rules, ok := problem.As(r.objects.Check(c.ctx(), id, o))
	if !ok {
		return wrong
	}
	both := *typed
	for _, f := range rules.Fields {
		// A member of a wrong type is absent from o, which must not be held against it, or against what it is a part of, as well.
		absent := func(t problem.FieldDetail) bool {
			return partOf(f.Field, t.Field) || partOf(t.Field, f.Field) && !strings.HasPrefix(f.Code, "[invalid]")
		}
		if !slices.ContainsFunc(typed.Fields, absent) {
			both.Fields = append(both.Fields, f)
		}
	}
	return &both
}

// partOf tells whether a path is that of a member, or of a part of it.
func partOf(path, member string) bool {
	rest, found := strings.CutPrefix(path, member)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
