package ftl

import (
	"slices"
	"strings"
)

// Variable is something of the model that a template uses.
type Variable struct {
	// Path is its name, with dots between members and [] for elements: "user.firstName", "user.roles[].name".
	Path string
	// Optional says that nothing goes wrong when it is missing: wherever it stands it has a default, or is asked about with ?? or ?has_content before.
	Optional bool
	// Line and Column are where it stands first.
	Line, Column int
}

// Variables lists what of the model the template uses, in the order in which it does. It reads the template without running it: what is found by a
// computed name is not in the list, and a variable that the template assigns itself is in it only if it is used before.
func (t *Template) Variables() []Variable {
	u := &usage{t: t, assigned: map[string]bool{}, found: map[string]int{}}
	for _, m := range t.macros {
		u.assigned[m.name] = true
	}
	u.block(t.body)
	return u.variables
}

// usage goes through a template.
type usage struct {
	t         *Template
	variables []Variable
	found     map[string]int  // by path, where it is in variables
	assigned  map[string]bool // by the template, so far
	names     []alias         // of loops, macros and lambdas, the innermost last
	present   []string        // paths that are known to be there
}

// alias is a name that stands for something of the model, or with an empty path for something else.
type alias struct{ name, path string }

// path is what an expression is in the model, or "".
func (u *usage) path(x expression) string {
	of := func(x expression, more string) string {
		if path := u.path(x); path != "" {
			return path + more
		}
		return ""
	}
	switch x := x.(type) {
	case *variable:
		for _, a := range slices.Backward(u.names) {
			if a.name == x.name || a.name+"_index" == x.name || a.name+"_has_next" == x.name {
				return a.path
			}
		}
		if u.assigned[x.name] {
			return ""
		}
		return x.name
	case *parentheses:
		return u.path(x.inner)
	case *member:
		return of(x.of, "."+x.name)
	case *item:
		if l, is := x.key.(*literal); is && isString(l.value) {
			return of(x.of, "."+l.value.(string))
		}
		return of(x.of, "[]")
	case *fallback:
		return u.path(x.of)
	case *builtinCall:
		switch x.name {
		case "first", "last", "min", "max":
			return of(x.of, "[]")
		case "sort", "sort_by", "reverse", "filter", "take_while", "drop_while", "if_exists":
			return u.path(x.of)
		}
	}
	return ""
}

// use notes a variable.
func (u *usage) use(x expression, optional bool) {
	path := u.path(x)
	if path == "" {
		return
	}
	optional = optional || slices.Contains(u.present, path)
	if i, known := u.found[path]; known {
		u.variables[i].Optional = u.variables[i].Optional && optional
		return
	}
	u.found[path] = len(u.variables)
	line, column := u.t.source.place(x.place())
	u.variables = append(u.variables, Variable{path, optional, line, column})
}

// expression goes through one; with optional nothing happens when its last part is missing.
func (u *usage) expression(x expression, optional bool) {
	switch x := x.(type) {
	case *variable:
		u.use(x, optional)
	case *member:
		u.part(x, x.of, optional)
	case *item:
		u.part(x, x.of, optional)
		u.expression(x.key, false)
	case *parentheses:
		u.expression(x.inner, optional)
	case *fallback:
		u.expression(x.of, true)
		u.expressions(x.otherwise)
	case *exists:
		u.expression(x.of, true)
	case *not:
		u.expression(x.of, false)
	case *signed:
		u.expression(x.of, false)
	case *numberOutput:
		u.expression(x.of, false)
	case *logical:
		u.expression(x.left, false)
		u.with(u.known(x.left, !x.or), func() { u.expression(x.right, false) })
	case *comparison:
		u.expressions(x.left, x.right)
	case *arithmetic:
		u.expressions(x.left, x.right)
	case *span:
		u.expressions(x.from, x.to)
	case *composed:
		u.expressions(x.parts...)
	case *listLiteral:
		u.expressions(x.elements...)
	case *hashLiteral:
		u.expressions(x.keys...)
		u.expressions(x.values...)
	case *call:
		u.expression(x.function, false)
		for _, argument := range x.arguments {
			u.expression(argument, true)
		}
	case *builtinCall:
		u.builtin(x)
	}
}

// part is for a member or an element: the whole path is used, or what it is a part of when that has no path.
func (u *usage) part(x, of expression, optional bool) {
	if u.path(x) == "" {
		u.expression(of, optional)
		return
	}
	u.use(x, optional)
	for { // computed keys on the way have variables of their own
		switch inner := of.(type) {
		case *member:
			of = inner.of
			continue
		case *item:
			u.expression(inner.key, false)
			of = inner.of
			continue
		case *variable:
			return
		}
		u.expression(of, true)
		return
	}
}

func (u *usage) expressions(all ...expression) {
	for _, x := range all {
		if x != nil {
			u.expression(x, false)
		}
	}
}

func (u *usage) builtin(x *builtinCall) {
	asks := x.name == "has_content" || x.name == "exists" || x.name == "if_exists" || x.name == "default"
	u.expression(x.of, asks)
	for i, argument := range x.arguments {
		if l, is := argument.(*lambda); is {
			u.scoped(func() { u.expression(l.body, false) }, u.elements(l.parameter, x.of))
			continue
		}
		var known []string
		if x.name == "then" {
			known = u.known(x.of, i == 0)
		}
		u.with(known, func() { u.expression(argument, false) })
	}
}

// elements is the name of an element of a list or of a member of an object.
func (u *usage) elements(name string, of expression) alias {
	if path := u.path(of); path != "" {
		return alias{name, path + "[]"}
	}
	return alias{name, ""}
}

// known are the paths that are there when a condition is met, or else when it is not.
func (u *usage) known(condition expression, met bool) []string {
	var of expression
	switch x := condition.(type) {
	case *parentheses:
		return u.known(x.inner, met)
	case *not:
		return u.known(x.of, !met)
	case *logical:
		if met != x.or {
			return slices.Concat(u.known(x.left, met), u.known(x.right, met))
		}
	case *exists:
		of = x.of
	case *builtinCall:
		if x.name == "has_content" || x.name == "exists" {
			of = x.of
		}
	}
	if of == nil || !met {
		return nil
	}
	path := u.path(of)
	known := []string{path}
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path, '.') { // and what it is in
		path = path[:i]
		known = append(known, path)
	}
	return known
}

// with runs something while more paths are known to be there.
func (u *usage) with(known []string, run func()) {
	before := u.present
	u.present = append(slices.Clip(before), known...)
	run()
	u.present = before
}

// scoped runs something while names stand for something else.
func (u *usage) scoped(run func(), names ...alias) {
	before := u.names
	u.names = append(slices.Clip(before), names...)
	run()
	u.names = before
}

func (u *usage) block(b *block) {
	if b == nil {
		return
	}
	for _, n := range b.nodes {
		u.node(n)
	}
}

func (u *usage) node(n node) {
	switch n := n.(type) {
	case *outputNode:
		u.expressions(n.of)
	case *ifNode:
		u.branches(n.branches)
	case *listNode:
		u.expressions(n.of)
		if n.name == "" {
			u.scoped(func() { u.block(n.body) }, u.elements("", n.of)) // the name "" is for #items
		} else {
			u.scoped(func() { u.block(n.body) }, u.elements(n.name, n.of), alias{n.key, ""})
		}
		u.block(n.none)
	case *itemsNode:
		u.scoped(func() { u.block(n.body) }, alias{n.name, u.path(&variable{name: ""})}, alias{n.key, ""})
	case *sepNode:
		u.block(n.body)
	case *switchNode:
		u.expressions(n.of)
		u.branches(n.cases)
	case *assignNode:
		u.expressions(n.value)
		u.assigned[n.name] = true
	case *captureNode:
		u.block(n.body)
		u.assigned[n.name] = true
	case *macroNode:
		var names []alias
		if n.macro.rest != "" {
			names = append(names, alias{n.macro.rest, ""})
		}
		for _, p := range n.macro.parameters {
			u.scoped(func() { u.expressions(p.otherwise) }, names...)
			names = append(names, alias{p.name, ""})
		}
		u.scoped(func() { u.block(n.macro.body) }, names...)
	case *callNode:
		u.expressions(n.of)
		u.expressions(n.positional...)
		for _, a := range n.named {
			u.expressions(a.value)
		}
		var names []alias
		for _, name := range n.parameters {
			names = append(names, alias{name, ""})
		}
		u.scoped(func() { u.block(n.body) }, names...)
	case *nestedNode:
		u.expressions(n.arguments...)
	case *returnNode:
		u.expressions(n.value)
	case *attemptNode:
		u.block(n.body)
		u.block(n.recover)
	case *stopNode:
		u.expressions(n.message)
	case *settingNode:
		u.expressions(n.value)
	case *compressNode:
		u.block(n.body)
	case *bodyNode:
		u.block(n.body)
	}
}

// branches are those of a condition: in each it is known that the ones before were not taken.
func (u *usage) branches(all []branch) {
	before := u.present
	for _, b := range all {
		if b.condition == nil {
			u.block(b.body)
			continue
		}
		u.expressions(b.condition)
		u.with(u.known(b.condition, true), func() { u.block(b.body) })
		u.present = append(slices.Clip(u.present), u.known(b.condition, false)...)
	}
	u.present = before
}
