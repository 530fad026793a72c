package body

import (
	"strings"
	"testing"
)

// TestApplyOperations has the examples of RFC 6902 appendix A, and the corners they leave out.
func TestApplyOperations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ document, patch, want string }{
		"A.1 add a member":           {`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
		"A.2 add an element":         {`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		"A.3 remove a member":        {`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		"A.4 remove an element":      {`{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		"A.5 replace":                {`{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		"A.6 move a member":          {`{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		"A.7 move an element":        {`{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		"A.8 test":                   {`{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		"A.9 test fails":             {`{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, "Operation 1 of the patch cannot be applied: the test failed"},
		"A.10 add an object":         {`{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"child":{"grandchild":{}},"foo":"bar"}`},
		"A.11 unknown members":       {`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"baz":"qux","foo":"bar"}`},
		"A.12 add into nothing":      {`{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, `there is no "baz"`},
		"A.14 escapes":               {`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10},{"op":"remove","path":"/~1"}]`, `{"~1":10}`},
		"A.15 text is no number":     {`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, "the test failed"},
		"A.16 add an array":          {`{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		"copy":                       {`{"a":{"b":[1]}}`, `[{"op":"copy","from":"/a","path":"/a/c"},{"op":"add","path":"/a/b/0","value":0}]`, `{"a":{"b":[0,1],"c":{"b":[1]}}}`},
		"the whole document":         {`{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}},{"op":"add","path":"","value":[3]}]`, `[3]`},
		"an empty name":              {`{"":{"":1}}`, `[{"op":"replace","path":"//","value":2}]`, `{"":{"":2}}`},
		"null is a value":            {`{"a":null}`, `[{"op":"test","path":"/a","value":null},{"op":"replace","path":"/a","value":1}]`, `{"a":1}`},
		"null is not absent":         {`{}`, `[{"op":"test","path":"/a","value":null}]`, `there is no "a"`},
		"numbers by value":           {`{"a":1.0,"b":{"c":[1e2,{}]}}`, `[{"op":"test","path":"/a","value":1},{"op":"test","path":"/b","value":{"c":[100,{}]}}]`, `{"a":1.0,"b":{"c":[1e2,{}]}}`},
		"large numbers":              {`{"a":9007199254740993}`, `[{"op":"test","path":"/a","value":9007199254740992}]`, "the test failed"},
		"object is no array":         {`{"a":{}}`, `[{"op":"test","path":"/a","value":[]}]`, "the test failed"},
		"null is no object":          {`{"a":null}`, `[{"op":"test","path":"/a","value":{}}]`, "the test failed"},
		"test nothing":               {`{}`, `[{"op":"test","path":"","value":null}]`, "the test failed"},
		"append":                     {`{"a":[]}`, `[{"op":"add","path":"/a/-","value":1},{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2]}`},
		"beyond the end":             {`{"a":[]}`, `[{"op":"add","path":"/a/1","value":1}]`, `"1" is no position`},
		"remove the end":             {`{"a":[1]}`, `[{"op":"remove","path":"/a/-"}]`, `"-" is no position`},
		"leading zero":               {`{"a":[1,2]}`, `[{"op":"remove","path":"/a/01"}]`, `"01" is no position`},
		"sign":                       {`{"a":[1,2]}`, `[{"op":"remove","path":"/a/+1"}]`, `"+1" is no position`},
		"into text":                  {`{"a":"x"}`, `[{"op":"add","path":"/a/b","value":1}]`, `"b" would be inside`},
		"replace nothing":            {`{}`, `[{"op":"replace","path":"/a","value":1}]`, `there is no "a"`},
		"remove everything":          {`{}`, `[{"op":"remove","path":""}]`, "cannot be removed"},
		"move into itself":           {`{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, "into itself"},
		"move to itself":             {`{"a":[1,2]}`, `[{"op":"move","from":"/a/1","path":"/a/1"}]`, `{"a":[1,2]}`},
		"move to the parent":         {`{"a":{"b":1}}`, `[{"op":"move","from":"/a/b","path":"/a"}]`, `{"a":1}`},
		"no slash":                   {`{}`, `[{"op":"add","path":"a","value":1}]`, "its path is not a JSON Pointer"},
		"bad escape":                 {`{}`, `[{"op":"add","path":"/a~2","value":1}]`, "its path is not a JSON Pointer"},
		"tilde at the end":           {`{}`, `[{"op":"add","path":"/a~","value":1}]`, "its path is not a JSON Pointer"},
		"no from":                    {`{}`, `[{"op":"move","path":"/a"}]`, "it has no from"},
		"no op":                      {`{}`, `[{"path":"/a"}]`, "it has no op"},
		"no path":                    {`{}`, `[{"op":"remove"}]`, "it has no path"},
		"path is no text":            {`{}`, `[{"op":"remove","path":7}]`, "its path is not text"},
		"the second one is to blame": {`{}`, `[{"op":"add","path":"/a","value":1},null]`, "Operation 2 of the patch cannot be applied: it is not an object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := parse([]byte(test.document))
			if err != nil {
				t.Fatal(err)
			}
			patch, err := parse([]byte(test.patch))
			if err != nil {
				t.Fatal(err)
			}
			after, err := applyOperations(document, patch, 1000)
			switch {
			case err != nil && !strings.Contains(err.Error(), test.want):
				t.Errorf("%v, want %s", err, test.want)
			case err == nil && string(after.append(nil)) != test.want:
				t.Errorf("%s, want %s", after.append(nil), test.want)
			}
		})
	}
}
