package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// functions are those of Helm's that the chart uses, as Helm has them. A template that uses another one fails to parse here.
var functions = template.FuncMap{
	"quote":  func(v any) string { return fmt.Sprintf("%q", fmt.Sprint(v)) },
	"toJson": func(v any) (string, error) { text, err := json.Marshal(v); return string(text), err },
	"fail":   func(text string) (string, error) { return "", errors.New(text) },
	"join": func(separator string, all []any) string {
		words := make([]string, len(all))
		for i, v := range all {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, separator)
	},
	"default": func(other, v any) any {
		if v == nil || reflect.ValueOf(v).IsZero() {
			return other
		}
		return v
	},
}

// render returns the objects that the chart makes with these values over its own.
func render(t *testing.T, over map[string]any) (objects map[string]map[string]any, err error) {
	t.Helper()
	chart, values := map[string]any{}, map[string]any{}
	for name, to := range map[string]*map[string]any{"Chart.yaml": &chart, "values.yaml": &values} {
		if err := yaml.Unmarshal([]byte(read(t, "helm/herald/"+name)), to); err != nil {
			t.Fatal(err)
		}
	}
	maps.Copy(values, over)
	files, err := filepath.Glob("helm/herald/templates/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects = map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		parsed, err := template.New(file).Option("missingkey=error").Funcs(functions).Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		release := map[string]any{"Name": "events", "Namespace": "identity"}
		if err := parsed.Execute(&b, map[string]any{"Release": release, "Values": values, "Chart": map[string]any{"AppVersion": chart["appVersion"]}}); err != nil {
			return nil, err
		}
		var object map[string]any
		if err := yaml.Unmarshal([]byte(b.String()), &object); err != nil {
			t.Fatalf("%s: %v\n%s", file, err, b.String())
		}
		objects[object["kind"].(string)] = object
	}
	return objects, nil
}

// at is the value at a path of members and places: spec.containers.0.image.
func at(object any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch o := object.(type) {
		case map[string]any:
			object = o[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(o) {
				return nil
			}
			object = o[i]
		default:
			return nil
		}
	}
	return object
}

// TestChart renders the chart as Helm does, alone with SQLite and many on PostgreSQL.
func TestChart(t *testing.T) {
	t.Parallel()
	alone, err := render(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	many, err := render(t, map[string]any{
		"replicas": 3, "database": map[string]any{"existingSecret": "pg", "key": "url"}, "encryptionKey": map[string]any{"existingSecret": "seal", "key": "key"},
		"env": map[string]any{"HERALD_TRANSACTION_TIMEOUT": "5s"}, "egressAllow": []any{"10.0.0.0/8", "fd00::/8"}, "image": map[string]any{"repository": "r/herald", "tag": "v1", "pullPolicy": "Always"},
	})
	if err != nil {
		t.Fatal(err)
	}
	const container = "spec.template.spec.containers.0."
	for path, want := range map[string]any{
		"spec.replicas": 1, "spec.serviceName": "events", container + "image": "herald:0.1.0", container + "env.0.value": "true",
		"spec.volumeClaimTemplates.0.spec.resources.requests.storage": "10Gi", "spec.template.spec.securityContext.runAsNonRoot": true,
		container + "securityContext.readOnlyRootFilesystem": true, container + "readinessProbe.httpGet.path": "/api/health",
	} {
		if got := at(alone["StatefulSet"], path); got != want {
			t.Errorf("alone: %s is %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]any{
		"spec.replicas": 3, "spec.serviceName": nil, container + "image": "r/herald:v1", "spec.volumeClaimTemplates": nil,
		container + "env.1.value": "10.0.0.0/8,fd00::/8", container + "env.2.valueFrom.secretKeyRef.name": "pg", container + "env.3.name": "HERALD_ENCRYPTION_KEY",
		container + "env.4.value": "5s",
	} {
		if got := at(many["Deployment"], path); got != want {
			t.Errorf("many: %s is %v, want %v", path, got, want)
		}
	}
	for _, object := range []map[string]any{alone["StatefulSet"], many["Deployment"]} {
		if got, want := at(object, "spec.template.metadata.labels"), at(alone["Service"], "spec.selector"); !reflect.DeepEqual(got, want) {
			t.Errorf("the service selects %v, the pods are %v", want, got)
		}
	}
	if _, err := render(t, map[string]any{"database": map[string]any{"existingSecret": "pg", "key": "url"}}); err == nil || !strings.Contains(err.Error(), "encryptionKey.existingSecret") {
		t.Errorf("servers with a key each on one database: %v", err)
	}
}
