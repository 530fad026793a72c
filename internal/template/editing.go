package template

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/ftl"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// UsedBy tells in words who uses the template. It cannot be deleted meanwhile.
func (o *objects[T, C]) UsedBy(ctx context.Context, id wire.ID) (by []string, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		by, err = o.used(tx, id)
		return err
	})
	return by, err
}

var place = regexp.MustCompile(`^Line (\d+), column (\d+): `)

// Place is where in a text the message of a problem with it points to, from 1. False when it points nowhere.
func Place(message string) (line, column int, ok bool) {
	found := place.FindStringSubmatch(message)
	if found == nil {
		return 0, 0, false
	}
	line, errLine := strconv.Atoi(found[1])
	column, errColumn := strconv.Atoi(found[2])
	return line, column, errLine == nil && errColumn == nil
}

// SampleText is [Sample], or another model, as JSON for people.
func SampleText(model map[string]any) (string, error) {
	shown := maps.Clone(model)
	for name, value := range shown {
		if raw, ok := value.(ftl.JSON); ok {
			shown[name] = json.RawMessage(raw)
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(shown)
	return strings.TrimSpace(out.String()), err
}

// ReadSample is the reverse of [SampleText]. The problem of a text that is no JSON object is about path.
func ReadSample(path, text string) (model map[string]any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&model); err != nil || model == nil {
		var v problem.Validation
		v.Field(path, "invalidJSON", "The sample values are no JSON object.")
		return nil, v.Err()
	}
	return model, nil
}

// Variable is something that a text can say.
type Variable struct {
	// Name is how the template language writes it: user.firstName.
	Name string
	// Value is what it is in the model, for people.
	Value string
	// Sure says that every message has it that has the first part of its name; otherwise a text has to say what stands in its place.
	Sure bool
}

// mostVariables are enough for a person to look through.
const mostVariables = 200

// Variables lists the texts, numbers and truths of a model by name, as [ReadSample] makes it. Lists are left out: a text goes through them itself.
func Variables(model map[string]any) (all []Variable) {
	var walk func(path string, value any, depth int)
	walk = func(path string, value any, depth int) {
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				if depth < 4 && len(all) < mostVariables && isName.MatchString(name) {
					walk(strings.TrimPrefix(path+"."+name, "."), value[name], depth+1)
				}
			}
		case string, json.Number, bool:
			all = append(all, Variable{path, fmt.Sprint(value), sure[path] || depth == 1})
		}
	}
	walk("", model, 0)
	return all
}

var isName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// sure are members that their objects always have.
var sure = map[string]bool{
	"user.id": true, "user.active": true, "user.tenantId": true, "tenant.id": true, "tenant.name": true, "application.id": true, "application.name": true, "event.type": true,
}
