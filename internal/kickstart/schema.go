package kickstart

import _ "embed"

// Schema is the JSON Schema of kickstart files, for editors. It is less strict than [Load], which knows variables and files.
//
//go:embed schema.json
var Schema []byte
