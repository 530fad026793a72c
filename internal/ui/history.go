package ui

import (
	"encoding/json"
	"strconv"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// historyPage is how a template has changed, the newest first.
type historyPage struct {
	templateHead
	Path     string
	Versions []version
	Pages    pager
	Problem  string
}

// version is a template as it once was.
type version struct {
	// Entry is what the audit log says of the change that made it. Outside tells that it was made by something else: the API, or before there was a history.
	// Then Entry is the change that followed, whose old value it is.
	Entry   wire.AuditLog
	Outside bool
	// Changes are what is different from the version before it.
	Changes []difference
	// First tells that there is none before it, Current that the template is so now.
	First, Current bool
	// To is the page of the version, "" when it cannot be had again, as it has something in it that the audit log leaves out.
	To string
	// value is the version as text, comparable with others.
	value json.RawMessage
}

// comparableValue is what there is to a template besides when it was changed, as the audit log would have it.
func comparableValue(value json.RawMessage) json.RawMessage {
	decoded, _ := decodeJSON(value)
	object, ok := decoded.(map[string]any)
	if !ok {
		return nil
	}
	for _, name := range []string{"id", "insertInstant", "lastUpdateInstant"} {
		delete(object, name)
	}
	for name, member := range object { // a new one has no empty maps yet
		if inner, ok := member.(map[string]any); member == nil || ok && len(inner) == 0 {
			delete(object, name)
		}
	}
	return journal.Masked(json.RawMessage(encodeJSON(object)))
}

func (k *templates[T]) object(id wire.ID) journal.Object { return journal.Object{Kind: k.noun, ID: id} }

func (k *templates[T]) history(v *visit) error {
	t, err := k.store.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := historyPage{templateHead: k.head(&t), Path: k.path + "/" + string(v.id())}
	entries, links, err := k.s.Journal.PageAuditLogOf(v.Context(), k.object(v.id()), wire.Page{NumberOfResults: pageSize}, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Pages = v.pager(links)
	now, err := body.Encode(t)
	if err != nil {
		return err
	}
	page.Versions = versionsOf(entries, comparableValue(now), page.Path+"/history/", links.Newer == "", links.Older == "")
	v.under(k.text+"s", k.path)
	v.under(k.text, page.Path)
	v.of = *page.Name
	return v.show("history", "History", page)
}

// versionsOf are those that some entries of the audit log, the newest first, know of. Newest and oldest tell that there are no others before and behind.
func versionsOf(entries []wire.AuditLog, now json.RawMessage, path string, newest, oldest bool) (all []version) {
	add := func(v version, value json.RawMessage, query string) {
		if v.value = comparableValue(value); v.value == nil {
			return
		}
		if !journal.IsMasked(v.value) {
			v.To = path + strconv.FormatInt(v.Entry.ID, 10) + query
		}
		all = append(all, v)
	}
	for i, e := range entries {
		if e.NewValue == nil {
			continue // it deleted the template, which is there again
		}
		if next := comparableValue(e.NewValue); i == 0 && newest && len(diff(next, now)) > 0 {
			all = append(all, version{Entry: e, Outside: true, Current: true, value: now})
		}
		add(version{Entry: e, Current: i == 0 && newest && len(all) == 0}, e.NewValue, "")
		switch {
		case i+1 < len(entries):
			if len(diff(comparableValue(entries[i+1].NewValue), comparableValue(e.OldValue))) > 0 {
				add(version{Entry: e, Outside: true}, e.OldValue, "?before=true")
			}
		case oldest:
			add(version{Entry: e, Outside: true}, e.OldValue, "?before=true")
		}
	}
	for i := range all {
		switch {
		case i+1 < len(all):
			all[i].Changes = diff(all[i+1].value, all[i].value)
		case !oldest && len(entries) > 0 && !all[i].Outside:
			all[i].Changes = diff(comparableValue(entries[len(entries)-1].OldValue), all[i].value)
		default:
			all[i].First = true
		}
	}
	return all
}

// versionPage is one of the versions, and what would change if the template became so again.
type versionPage struct {
	templateHead
	Back    string
	Entry   wire.AuditLog
	Outside bool
	Changes []difference
	May     bool
}

// versionAsked is the one that the path names, and the template as it is.
func (k *templates[T]) versionAsked(v *visit) (value T, page versionPage, err error) {
	now, err := k.store.Load(v.Context(), v.id())
	if err != nil {
		return value, page, err
	}
	page = versionPage{templateHead: k.head(&now), Back: k.path + "/" + string(v.id()) + "/history", May: v.session.May(k.area, admin.Change)}
	id, err := strconv.ParseInt(v.PathValue("entry"), 10, 64)
	if err != nil {
		return value, page, problem.ErrNotFound
	}
	if page.Entry, err = k.s.Journal.AuditLogOf(v.Context(), k.object(v.id()), id); err != nil {
		return value, page, err
	}
	kept := page.Entry.NewValue
	if page.Outside = v.URL.Query().Get("before") != ""; page.Outside {
		kept = page.Entry.OldValue
	}
	if kept == nil || journal.IsMasked(kept) || json.Unmarshal(kept, &value) != nil {
		return value, page, problem.ErrNotFound
	}
	current, err := body.Encode(now)
	if err != nil {
		return value, page, err
	}
	page.Changes = diff(comparableValue(current), comparableValue(kept))
	return value, page, nil
}

// version shows what would change, and asks.
func (k *templates[T]) version(v *visit) error {
	_, page, err := k.versionAsked(v)
	if err != nil {
		return err
	}
	v.under(k.text+"s", k.path)
	v.under(k.text, k.path+"/"+string(v.id()))
	v.under("History", page.Back)
	v.of = *page.Name
	return v.show("version", "VersionOf", page)
}

// restore makes the template what it was. That is a change like others: it is checked as what somebody enters is, and can be taken back the same way.
func (k *templates[T]) restore(v *visit) error {
	value, page, err := k.versionAsked(v)
	if err != nil {
		return err
	}
	message := "Restored the %s %s as it was after the change of %s"
	if page.Outside {
		message = "Restored the %s %s as it was before the change of %s"
	}
	c := v.changing(message, k.noun, v.id(), page.Entry.InsertInstant.Shown()).of(k.noun, v.id())
	if err := updateAs(c, k.store.Update, func(T) (T, error) { return value, nil }); err != nil {
		return v.again(err, func() error { return k.version(v) })
	}
	return v.done("VersionRestored", k.path+"/"+string(v.id()))
}
