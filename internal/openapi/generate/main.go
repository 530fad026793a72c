// Command generate writes the OpenAPI document of the API, which package api serves. It runs in the folder of package openapi: go generate.
package main

import (
	"fmt"
	"os"

	"github.com/herald-events/herald/internal/openapi"
)

func main() {
	document, err := openapi.Generate("../..")
	if err == nil {
		err = os.WriteFile("../api/openapi.json", document, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
