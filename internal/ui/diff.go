package ui

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// difference is a member that two JSON values have differently. Old and New are JSON, "" where the member is missing; the values of objects and lists are
// compared member by member, so neither is one unless the other side has nothing or something else there.
type difference struct{ Path, Old, New string }

// Kind is "added", "removed" or "changed".
func (d difference) Kind() string {
	switch {
	case d.Old == "":
		return "added"
	case d.New == "":
		return "removed"
	}
	return "changed"
}

// diffLine is a line of one or both of two texts. Kind is "old", "new", "same", or "skipped" for Count lines that both have.
type diffLine struct {
	Kind, Text string
	Count      int
}

// around is how many lines that both texts have are shown beside one that only one has; mostCompared bounds how many lines are compared each with each.
const around, mostCompared = 2, 1000

// Lines are the lines of two texts, the old ones before the new ones where they differ; nil unless both are texts and one has several lines.
func (d difference) Lines() []diffLine {
	var before, after string
	if json.Unmarshal([]byte(d.Old), &before) != nil || json.Unmarshal([]byte(d.New), &after) != nil || !strings.Contains(before+after, "\n") {
		return nil
	}
	old, new := strings.Split(before, "\n"), strings.Split(after, "\n")
	var all []diffLine
	add := func(kind string, lines []string) {
		for _, line := range lines {
			all = append(all, diffLine{Kind: kind, Text: line})
		}
	}
	head := 0
	for head < min(len(old), len(new)) && old[head] == new[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(new))-head && old[len(old)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	add("same", old[:head])
	end := old[len(old)-tail:]
	if old, new = old[head:len(old)-tail], new[head:len(new)-tail]; max(len(old), len(new)) > mostCompared {
		add("old", old)
		add("new", new)
	} else {
		all = append(all, middle(old, new)...)
	}
	add("same", end)
	return skipped(all)
}

// middle compares lines by the longest sequence that both have.
func middle(old, new []string) (all []diffLine) {
	longest := make([][]int, len(old)+1) // of the lines from there on
	for i := range longest {
		longest[i] = make([]int, len(new)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(new) - 1; j >= 0; j-- {
			if longest[i][j] = max(longest[i+1][j], longest[i][j+1]); old[i] == new[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		switch {
		case i < len(old) && j < len(new) && old[i] == new[j]:
			all = append(all, diffLine{Kind: "same", Text: old[i]})
			i, j = i+1, j+1
		case j == len(new) || i < len(old) && longest[i+1][j] >= longest[i][j+1]:
			all = append(all, diffLine{Kind: "old", Text: old[i]})
			i++
		default:
			all = append(all, diffLine{Kind: "new", Text: new[j]})
			j++
		}
	}
	return all
}

// skipped counts the lines that are far from any that differs, in place of showing them.
func skipped(lines []diffLine) (all []diffLine) {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Kind != "same" {
			for at := max(0, i-around); at <= min(len(lines)-1, i+around); at++ {
				near[at] = true
			}
		}
	}
	for i, l := range lines {
		switch last := len(all) - 1; {
		case near[i]:
			all = append(all, l)
		case last >= 0 && all[last].Kind == "skipped":
			all[last].Count++
		default:
			all = append(all, diffLine{Kind: "skipped", Count: 1})
		}
	}
	return all
}

// diff lists how two JSON values differ, in the order of their paths; a path is like a.b[0].c, and "" when the values as a whole differ. A value that is
// empty, or no JSON, counts as missing. Lists are compared place by place, those of texts and numbers as sets: what was added, what was removed.
func diff(before, after []byte) (all []difference) {
	old, hadOld := decodeJSON(before)
	new, hasNew := decodeJSON(after)
	compare(&all, "", old, new, hadOld, hasNew)
	return all
}

func decodeJSON(text []byte) (value any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return value, len(text) > 0 && d.Decode(&value) == nil
}

func compare(all *[]difference, path string, old, new any, hadOld, hasNew bool) {
	oldObject, isOldObject := old.(map[string]any)
	newObject, isNewObject := new.(map[string]any)
	oldList, isOldList := old.([]any)
	newList, isNewList := new.([]any)
	switch {
	case !hadOld && !hasNew:
	case (isOldObject || !hadOld) && (isNewObject || !hasNew) && len(oldObject)+len(newObject) > 0:
		names := maps.Clone(oldObject)
		if names == nil {
			names = map[string]any{}
		}
		maps.Copy(names, newObject)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			o, had := oldObject[name]
			n, has := newObject[name]
			compare(all, join(path, name), o, n, had, has)
		}
	case (isOldList || !hadOld) && (isNewList || !hasNew) && len(oldList)+len(newList) > 0:
		compareLists(all, path, oldList, newList)
	default:
		d := difference{Path: path}
		if hadOld {
			d.Old = encodeJSON(old)
		}
		if hasNew {
			d.New = encodeJSON(new)
		}
		if d.Old != d.New {
			*all = append(*all, d)
		}
	}
}

func compareLists(all *[]difference, path string, old, new []any) {
	if !slices.ContainsFunc(slices.Concat(old, new), isContainer) {
		before, after := encoded(old), encoded(new)
		for _, text := range before {
			if !slices.Contains(after, text) {
				*all = append(*all, difference{path + "[]", text, ""})
			}
		}
		for _, text := range after {
			if !slices.Contains(before, text) {
				*all = append(*all, difference{path + "[]", "", text})
			}
		}
		if len(before) == len(after) && !slices.Equal(before, after) && slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
			*all = append(*all, difference{path, encodeJSON(old), encodeJSON(new)}) // the order alone
		}
		return
	}
	for i := range max(len(old), len(new)) {
		var o, n any
		if i < len(old) {
			o = old[i]
		}
		if i < len(new) {
			n = new[i]
		}
		compare(all, path+"["+strconv.Itoa(i)+"]", o, n, i < len(old), i < len(new))
	}
}

func isContainer(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

func encoded(values []any) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = encodeJSON(value)
	}
	return all
}

// join appends a name to a path; one that has a dot or a bracket in it stands in brackets, as an event type does.
func join(path, name string) string {
	switch {
	case slices.ContainsFunc([]rune(name), func(r rune) bool { return r == '.' || r == '[' || r == ']' }):
		return path + "[" + name + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

func encodeJSON(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil { // it was decoded from JSON
		return ""
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
