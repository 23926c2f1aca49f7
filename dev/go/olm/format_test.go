// Tests of the form: one good bundle, and what is said of each that is not.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	goodAnnotations = `annotations:
  operators.operatorframework.io.bundle.mediatype.v1: registry+v1
  operators.operatorframework.io.bundle.manifests.v1: manifests/
  operators.operatorframework.io.bundle.metadata.v1: metadata/
  operators.operatorframework.io.bundle.package.v1: jars
  operators.operatorframework.io.bundle.channels.v1: stable,fast
  operators.operatorframework.io.bundle.channel.default.v1: stable
`
	goodCSV = `kind: ClusterServiceVersion
metadata: {name: jars.v1.0.0}
spec:
  customresourcedefinitions:
    owned:
    - {name: jars.example.org, kind: Jar, version: v1}
`
	goodCRD = `kind: CustomResourceDefinition
metadata: {name: jars.example.org}
spec: {names: {kind: Jar}, versions: [{name: v1}]}
`
	annotationsPath = "metadata/annotations.yaml"
	csvPath         = "manifests/csv.yaml"
	crdPath         = "manifests/crd.yaml"
)

// bundle is a good one, with some of its files changed; an empty text: without it.
func bundle(t *testing.T, changed map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	files := map[string]string{annotationsPath: goodAnnotations, csvPath: goodCSV, crdPath: goodCRD, "manifests/service.yaml": "kind: Service\n"}
	for path, text := range changed {
		files[path] = text
	}
	for path, text := range files {
		at := filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestABundleInFormHasNoFault(t *testing.T) {
	if faults := format(bundle(t, nil)); len(faults) > 0 {
		t.Fatal(faults)
	}
}

func TestWhatABundleLacksIsToldWithItsFileAndItsKey(t *testing.T) {
	with := func(path, text, old, new string) map[string]string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q in %s", old, path)
		}
		return map[string]string{path: strings.Replace(text, old, new, 1)}
	}
	annotation := func(old, new string) map[string]string { return with(annotationsPath, goodAnnotations, old, new) }
	line := func(key, value string) map[string]string { return annotation("  "+prefix+key+": "+value+"\n", "") }
	at := annotationsPath + ": annotations." + prefix
	owned := csvPath + ": spec.customresourcedefinitions.owned[0]"
	for name, one := range map[string]struct {
		changed map[string]string
		fault   string
	}{
		"no annotations":          {map[string]string{annotationsPath: ""}, annotationsPath + ": cannot be read"},
		"annotations are a list":  {map[string]string{annotationsPath: "annotations: []\n"}, annotationsPath + ": annotations: has to be a map"},
		"no media type":           {line("mediatype.v1", "registry+v1"), at + `mediatype.v1: is missing: write "registry+v1"`},
		"another media type":      {annotation("registry+v1", "helm"), at + `mediatype.v1: is "helm": write "registry+v1"`},
		"no manifests":            {line("manifests.v1", "manifests/"), at + "manifests.v1: is missing"},
		"manifests elsewhere":     {annotation(": manifests/", ": /"), at + `manifests.v1: is "/"`},
		"no metadata":             {line("metadata.v1", "metadata/"), at + "metadata.v1: is missing"},
		"metadata elsewhere":      {annotation(": metadata/", ": /"), at + `metadata.v1: is "/"`},
		"no package":              {line("package.v1", "jars"), at + "package.v1: is missing"},
		"no channels":             {line("channels.v1", "stable,fast"), at + "channels.v1: is missing"},
		"a channel without name":  {annotation("stable,fast", "stable,"), at + `channels.v1: is "stable,", in which`},
		"no default channel":      {line("channel.default.v1", "stable"), at + "channel.default.v1: is missing"},
		"a default that is none":  {annotation("default.v1: stable", "default.v1: slow"), at + `channel.default.v1: is "slow", which is none of the channels ["stable" "fast"]`},
		"no CSV":                  {map[string]string{csvPath: ""}, "manifests/: kind: there has to be one ClusterServiceVersion, and there are 0 []"},
		"two CSVs":                {map[string]string{"manifests/d.yaml": goodCSV}, `and there are 2 ["manifests/csv.yaml" "manifests/d.yaml"]`},
		"no CRD":                  {map[string]string{crdPath: ""}, owned + `.name: "jars.example.org" is no CustomResourceDefinition`},
		"a CRD that nobody owns":  {with(csvPath, goodCSV, "    - {name: jars.example.org, kind: Jar, version: v1}\n", ""), crdPath + `: metadata.name: "jars.example.org" is not in spec.customresourcedefinitions.owned of ` + csvPath},
		"a CRD that is twice":     {map[string]string{"manifests/d.yaml": goodCRD}, "manifests/d.yaml: metadata.name: jars.example.org is in " + crdPath},
		"another kind":            {with(csvPath, goodCSV, "kind: Jar", "kind: Pot"), owned + `.kind: is "Pot", and spec.names.kind of ` + crdPath + ` is "Jar"`},
		"a version that it lacks": {with(csvPath, goodCSV, "version: v1", "version: v2"), owned + `.version: "v2" is none of spec.versions of ` + crdPath},
		"what is no YAML":         {map[string]string{"manifests/d.yaml": "a: ]\n"}, "manifests/d.yaml: cannot be read"},
	} {
		faults := format(bundle(t, one.changed))
		if len(faults) != 1 || !strings.Contains(faults[0].Error(), one.fault) {
			t.Errorf("%s: wanted one fault with %q, got %q", name, one.fault, faults)
		}
	}
}

func TestAFolderWithoutManifestsIsNoBundle(t *testing.T) {
	faults := format(t.TempDir())
	if len(faults) != 3 {
		t.Fatal(faults)
	}
}
