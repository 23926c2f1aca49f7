package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const openapi = `{"definitions": {
  "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object", "properties": {"name": {"type": "string"}}},
  "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
  "v1.Box": {"type": "object", "required": ["size"], "x-kubernetes-group-version-kind": [{"group": "", "kind": "Box", "version": "v1"}], "properties": {
    "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
    "size": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"}, "port": {"type": "string", "format": "int-or-string"}}}}}`

const crds = `kind: CustomResourceDefinition
spec:
  group: example.com
  names: {kind: Crate}
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        type: object
        properties:
          metadata: {type: object}
          spec:
            type: object
            properties:
              lid: {type: string, nullable: true}
              number: {x-kubernetes-int-or-string: true}
              rest: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}
`

func file(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsAsItsSchemaSaysIsTakenAndNothingElse(t *testing.T) {
	for manifest, fault := range map[string]string{
		"{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1Gi}":                             "",
		"{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1, port: 80}":                     "",
		"{apiVersion: v1, kind: Box, metadata: {name: a}}":                                        "size",
		"{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1, sizes: 2}":                     "'sizes' not allowed",
		"{apiVersion: v1, kind: Box, metadata: {name: a, nam: a}, size: 1}":                       "'nam' not allowed",
		"{apiVersion: v1, kind: Bag, metadata: {name: a}}":                                        "could not find schema",
		"{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Box, metadata: {name: a}}]}": "size",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a}, spec: {lid: null}}":       "",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a}, spec: {rest: {b: 1}}}":    "",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a}, spec: {lid: 1}}":          "lid",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a}, spec: {lids: b}}":         "'lids' not allowed",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a, labels: {}}, spec: {}}":    "'labels' not allowed",
		"# nothing": "no object",
		"---\n# none\n---\n{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1}": "",
		"{apiVersion: v1, kind: box, metadata: {name: a}, size: 1}":                   "Box",
		"{apiVersion: v1, kind: Box, size: 1}":                                        "no name",
		"{apiVersion: v1, kind: Box, metadata: {name: a}, size: banana}":              "banana",
		"{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1, size: 2}":          "already set",
		"--- {apiVersion: v1, kind: Nonsense}":                                        "line of its dashes",
		"---}}}garbage":                                                               "line of its dashes",
		"}{ not yaml":                                                                 "yaml",
		"- a list":                                                                    "no object",
		"{apiVersion: v1, kind: List, itemz: []}":                                     "no items",
		"{apiVersion: v1, kind: List, items: [null]}":                                 "no apiVersion",
		"{apiVersion: v1, kind: List, items: {a: b}}":                                 "no object",
		"{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1}\n---\n{apiVersion: v1, kind: Box, metadata: {name: a}, size: 1}": "twice",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a}, spec: {number: {a: b}}}":                                    "number",
		"{apiVersion: example.com/v1, kind: Crate, metadata: {name: a}, spec: {number: 1}}":                                         "",
	} {
		_, err := conform(file(t, openapi), file(t, crds), []string{file(t, manifest)})
		if (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v, not %q", manifest, err, fault)
		}
	}
}

func TestFilesThatHaveNoSchemaAreRefused(t *testing.T) {
	for _, wrong := range [][2]string{{openapi, "kind: Other"}, {openapi, "{kind: CustomResourceDefinition, spec: {versions: [{name: v1, schema: {openAPIV3Schema: {type: object}}}]}}"}, {"{}", crds}, {"nothing", crds}} {
		if _, err := conform(file(t, wrong[0]), file(t, wrong[1]), []string{file(t, "{apiVersion: v1, kind: Box, size: 1}")}); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
}
