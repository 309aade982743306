// Package schemas_test checks resources that `registry-auth render` writes against the schemas of
// Istio, Envoy Gateway and the Gateway API, as an API server does.
package schemas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// schemas are files with custom resource definitions, in modules that go.sum pins.
var schemas = map[string][]string{
	"istio.io/istio": {"manifests/charts/base/files/crd-all.gen.yaml"},
	"github.com/envoyproxy/gateway": {
		"charts/gateway-helm/charts/crds/crds/generated/*.yaml",
		"charts/gateway-helm/charts/crds/crds/*.yaml",
	},
}

// The resources of Kubernetes itself among the rendered ones; they have no such schema.
const core = "v1 ConfigMap"

func TestRenderedResourcesFit(t *testing.T) {
	known := definitions(t)
	checked := 0
	for _, folder := range []string{"../istio/rendered", "../istio/testdata", "../envoy-gateway"} {
		files, err := filepath.Glob(folder + "/*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing rendered in %s: %v", folder, err)
		}
		for _, file := range files {
			for _, document := range documents(t, file) {
				kind := fmt.Sprintf("%v %v", document["apiVersion"], document["kind"])
				if kind == core {
					continue
				}
				definition, ok := known[kind]
				if !ok {
					t.Errorf("%s: no schema for %s", file, kind)
					continue
				}
				for _, problem := range definition.problems(document) {
					t.Errorf("%s: %s: %s", file, kind, problem)
				}
				checked++
			}
		}
	}
	if checked == 0 {
		t.Error("nothing was checked")
	}
}

// The check itself: each change of a good resource is found.
func TestWrongResourcesDoNotFit(t *testing.T) {
	known := definitions(t)
	for _, row := range []struct {
		name, file, kind string
		change           func(spec map[string]any)
	}{
		{"an unknown key", "../istio/rendered/issuer.yaml", "extensions.istio.io/v1alpha1 WasmPlugin",
			func(spec map[string]any) { spec["failStrtegy"] = "FAIL_RELOAD" }},
		{"an unknown value", "../istio/rendered/issuer.yaml", "extensions.istio.io/v1alpha1 WasmPlugin",
			func(spec map[string]any) { spec["failStrategy"] = "FAIL_SOMETIMES" }},
		{"a missing key", "../istio/rendered/issuer.yaml", "networking.istio.io/v1 ServiceEntry",
			func(spec map[string]any) { delete(spec, "hosts") }},
		{"a rule between keys", "../envoy-gateway/issuer.yaml", "gateway.envoyproxy.io/v1alpha1 EnvoyExtensionPolicy",
			func(spec map[string]any) { delete(spec, "targetRefs") }},
	} {
		found := false
		for _, document := range documents(t, row.file) {
			if fmt.Sprintf("%v %v", document["apiVersion"], document["kind"]) != row.kind {
				continue
			}
			found = true
			row.change(document["spec"].(map[string]any))
			if len(known[row.kind].problems(document)) == 0 {
				t.Errorf("%s: not found", row.name)
			}
		}
		if !found {
			t.Errorf("%s: no %s in %s", row.name, row.kind, row.file)
		}
	}
}

// definition is one version of a custom resource.
type definition struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// problems returns what an API server would refuse, or drop without a word.
func (d definition) problems(document map[string]any) []string {
	var found []string
	defaulting.Default(document, d.structural)
	for _, err := range validation.ValidateCustomResource(nil, document, d.validator) {
		found = append(found, err.Error())
	}
	if d.rules != nil {
		errs, _ := d.rules.Validate(context.Background(), nil, d.structural, document, nil, celconfig.RuntimeCELCostBudget)
		for _, err := range errs {
			found = append(found, err.Error())
		}
	}
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(document, d.structural, true, options) {
		found = append(found, path+": unknown")
	}
	return found
}

// definitions returns all versions of all custom resources by `apiVersion kind`.
func definitions(t *testing.T) map[string]definition {
	t.Helper()
	known := map[string]definition{}
	for module, patterns := range schemas {
		for _, pattern := range patterns {
			files, err := filepath.Glob(filepath.Join(folderOf(t, module), pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no schemas at %s of %s: %v", pattern, module, err)
			}
			for _, file := range files {
				for _, document := range documents(t, file) {
					if document["kind"] == "CustomResourceDefinition" {
						add(t, known, document)
					}
				}
			}
		}
	}
	return known
}

func add(t *testing.T, known map[string]definition, document map[string]any) {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	for _, version := range crd.Spec.Versions {
		internal := new(apiextensions.JSONSchemaProps)
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			version.Schema.OpenAPIV3Schema, internal, nil); err != nil {
			t.Fatal(err)
		}
		structural, err := schema.NewStructural(internal)
		if err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(internal)
		if err != nil {
			t.Fatal(err)
		}
		known[crd.Spec.Group+"/"+version.Name+" "+crd.Spec.Names.Kind] = definition{
			structural: structural,
			validator:  validator,
			rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		}
	}
}

func folderOf(t *testing.T, module string) string {
	t.Helper()
	output, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(output, &found); err != nil {
		t.Fatal(err)
	}
	return found.Dir
}

func documents(t *testing.T, file string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []map[string]any
	for _, part := range bytes.Split(text, []byte("\n---\n")) {
		text, err := yaml.YAMLToJSON(part)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var document map[string]any
		// With integers that are no floating point numbers, as rules of schemas want them.
		if err := utiljson.Unmarshal(text, &document); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(strings.TrimSpace(string(part))) > 0 && document != nil {
			found = append(found, document)
		}
	}
	return found
}
