package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The file of a kind, as kubeconform looks for it.
const named = "{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json"

const (
	meta     = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
	quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity"
	// Of CustomResourceDefinitions.
	apiextensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
)

type schema = map[string]any

// Writes a JSON Schema for each kind of the document and of the definitions.
func schemas(openapi, crds, folder string) error {
	var document struct {
		Definitions map[string]schema `json:"definitions"`
	}
	if err := read(openapi, &document); err != nil {
		return err
	}
	for _, one := range document.Definitions {
		strict(one)
	}
	if document.Definitions[meta] == nil || document.Definitions[quantity] == nil {
		return fmt.Errorf("%s is not an OpenAPI v2 document of Kubernetes", openapi)
	}
	// Numbers without quotes are quantities, too. The pattern is Kubernetes' own (k8s.io/apimachinery/pkg/api/resource).
	document.Definitions[quantity] = schema{"type": []string{"string", "number"}, "pattern": `^[+-]?[0-9.]+([eEinumkKMGTP]*[-+]?[0-9]*)$`}
	// What is one thing or another has no type in this document.
	props := schema{"$ref": "#/definitions/" + apiextensions + "JSONSchemaProps"}
	for name, alternative := range map[string]schema{"OrArray": {"type": "array", "items": props}, "OrBool": {"type": "boolean"}, "OrStringArray": {"type": "array", "items": schema{"type": "string"}}} {
		document.Definitions[apiextensions+"JSONSchemaProps"+name] = schema{"anyOf": []any{props, alternative}}
	}
	for name, one := range document.Definitions {
		for _, of := range list(one["x-kubernetes-group-version-kind"]) {
			of := of.(schema)
			if err := write(folder, of["kind"], of["group"], of["version"], schema{"$ref": "#/definitions/" + name}, document.Definitions); err != nil {
				return err
			}
		}
	}
	return own(crds, folder, document.Definitions)
}

func own(crds, folder string, definitions map[string]schema) error {
	all, err := documents(crds)
	if err != nil {
		return err
	}
	found := 0
	for _, document := range all {
		var crd struct {
			Kind string
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema schema }
				}
			}
		}
		if err := json.Unmarshal(document, &crd); err != nil {
			return fmt.Errorf("%s: %w", crds, err)
		}
		if crd.Kind != "CustomResourceDefinition" {
			continue
		}
		for _, version := range crd.Spec.Versions {
			found++
			kind := version.Schema.OpenAPIV3Schema
			properties, _ := kind["properties"].(schema)
			if properties == nil {
				return fmt.Errorf("%s: %s %s has no schema with properties", crds, crd.Spec.Names.Kind, version.Name)
			}
			// What is said of every object is said of these, too, and the definition leaves it out.
			properties["apiVersion"], properties["kind"] = schema{"type": "string"}, schema{"type": "string"}
			strict(kind)
			properties["metadata"] = schema{"$ref": "#/definitions/" + meta}
			if err := write(folder, crd.Spec.Names.Kind, crd.Spec.Group, version.Name, kind, definitions); err != nil {
				return err
			}
		}
	}
	if found == 0 {
		return fmt.Errorf("there is no CustomResourceDefinition in %s", crds)
	}
	return nil
}

// Takes fields that have no name in the schema for faults, and gives what Kubernetes says in words of its own in those of JSON Schema.
func strict(one schema) {
	properties, _ := one["properties"].(schema)
	if properties != nil && one["additionalProperties"] == nil && one["x-kubernetes-preserve-unknown-fields"] != true {
		one["additionalProperties"] = false
	}
	if one["format"] == "int-or-string" || one["x-kubernetes-int-or-string"] == true {
		one["type"] = []string{"string", "integer"}
	}
	if of, is := one["type"].(string); is && one["nullable"] == true {
		one["type"] = []string{of, "null"}
	}
	for _, property := range properties {
		strict(property.(schema))
	}
	for _, word := range []string{"items", "additionalProperties", "not"} {
		if of, is := one[word].(schema); is {
			strict(of)
		}
	}
}

// With the definitions that it leads to, and no others: there are a thousand.
func write(folder string, kind, group, version any, one schema, definitions map[string]schema) error {
	reached := map[string]schema{}
	if err := reach(one, definitions, reached); err != nil {
		return err
	}
	// kubeconform finds the file of a kind however that is written.
	is := schema{"properties": schema{"kind": schema{"enum": []any{kind}}}}
	whole := schema{"definitions": reached, "allOf": []any{is, one}}
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	// The group of the first kinds has no name, and kubeconform takes their version for it.
	if group == "" {
		group = version
	}
	return os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s_%s_%s.json", strings.ToLower(kind.(string)), group, version)), text, 0o600)
}

func reach(value any, definitions, reached map[string]schema) error {
	switch value := value.(type) {
	case schema:
		if ref, is := value["$ref"].(string); is {
			name := strings.TrimPrefix(ref, "#/definitions/")
			if reached[name] != nil {
				return nil
			}
			if reached[name] = definitions[name]; reached[name] == nil {
				return fmt.Errorf("nothing is called %s", ref)
			}
			return reach(definitions[name], definitions, reached)
		}
		for _, one := range value {
			if err := reach(one, definitions, reached); err != nil {
				return err
			}
		}
	case []any:
		for _, one := range value {
			if err := reach(one, definitions, reached); err != nil {
				return err
			}
		}
	}
	return nil
}

func list(value any) []any {
	of, _ := value.([]any)
	return of
}

func read(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
