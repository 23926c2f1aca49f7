// The form of a bundle, as its folder and its files show it.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	annotationsFile = "metadata/annotations.yaml"
	prefix          = "operators.operatorframework.io.bundle."
	packageKey      = prefix + "package.v1"
	channelsKey     = prefix + "channels.v1"
	defaultKey      = prefix + "channel.default.v1"
	csvKind         = "ClusterServiceVersion"
	crdKind         = "CustomResourceDefinition"
)

// What a bundle of this form says of itself, word by word.
var fixed = []struct{ key, value string }{
	{prefix + "mediatype.v1", "registry+v1"},
	{prefix + "manifests.v1", "manifests/"},
	{prefix + "metadata.v1", "metadata/"},
}

// What is read of a manifest.
type manifest struct {
	file     string
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		// Of a CustomResourceDefinition.
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name string `json:"name"`
		} `json:"versions"`
		// Of a ClusterServiceVersion.
		CRDs struct {
			Owned []struct {
				Name    string `json:"name"`
				Kind    string `json:"kind"`
				Version string `json:"version"`
			} `json:"owned"`
		} `json:"customresourcedefinitions"`
	} `json:"spec"`
}

// format is what operator-registry asks of a bundle's folder, which operator-sdk does before the validators and those do not do again, or do without saying in which
// file. It is told here anew, as that module would bring a database and a container runtime's libraries.
func format(folder string) []error {
	return append(annotations(folder), contents(folder)...)
}

// annotations tells what is wrong with metadata/annotations.yaml.
func annotations(folder string) []error {
	var file struct {
		Annotations map[string]string `json:"annotations"`
	}
	text, err := os.ReadFile(filepath.Join(folder, annotationsFile))
	if err != nil {
		return []error{fmt.Errorf("%s: cannot be read: %w", annotationsFile, err)}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return []error{fmt.Errorf("%s: annotations: has to be a map of strings: %w", annotationsFile, err)}
	}
	var faults []error
	fault := func(key, format string, words ...any) {
		faults = append(faults, fmt.Errorf("%s: annotations.%s: %s", annotationsFile, key, fmt.Sprintf(format, words...)))
	}
	for _, one := range fixed {
		if given, there := file.Annotations[one.key]; !there {
			fault(one.key, "is missing: write %q", one.value)
		} else if given != one.value {
			fault(one.key, "is %q: write %q", given, one.value)
		}
	}
	if file.Annotations[packageKey] == "" {
		fault(packageKey, "is missing or empty: write the package's name")
	}
	var channels []string
	if given := file.Annotations[channelsKey]; given == "" {
		fault(channelsKey, "is missing or empty: write the channels, with commas between them")
	} else {
		for _, channel := range strings.Split(given, ",") {
			channels = append(channels, strings.TrimSpace(channel))
		}
		if slices.Contains(channels, "") {
			fault(channelsKey, "is %q, in which a channel has no name", given)
		}
	}
	if given := file.Annotations[defaultKey]; given == "" {
		fault(defaultKey, "is missing or empty: write one of the channels")
	} else if channels != nil && !slices.Contains(channels, given) {
		fault(defaultKey, "is %q, which is none of the channels %q", given, channels)
	}
	return faults
}

// contents tells what is wrong with manifests/: how many ClusterServiceVersions there are, and whether the kinds are those that it owns.
func contents(folder string) []error {
	found, faults := read(folder)
	var csvs []manifest
	crds := map[string]manifest{}
	for _, one := range found {
		switch one.Kind {
		case csvKind:
			csvs = append(csvs, one)
		case crdKind:
			if before, twice := crds[one.Metadata.Name]; twice {
				faults = append(faults, fmt.Errorf("%s: metadata.name: %s is in %s, too", one.file, one.Metadata.Name, before.file))
			}
			crds[one.Metadata.Name] = one
		}
	}
	if len(csvs) != 1 {
		files := make([]string, len(csvs))
		for at, csv := range csvs {
			files[at] = csv.file
		}
		return append(faults, fmt.Errorf("manifests/: kind: there has to be one %s, and there are %d %q", csvKind, len(csvs), files))
	}
	csv := csvs[0]
	names := map[string]bool{}
	for at, owned := range csv.Spec.CRDs.Owned {
		key := fmt.Sprintf("%s: spec.customresourcedefinitions.owned[%d]", csv.file, at)
		names[owned.Name] = true
		crd, there := crds[owned.Name]
		if !there {
			faults = append(faults, fmt.Errorf("%s.name: %q is no %s of manifests/", key, owned.Name, crdKind))
			continue
		}
		if owned.Kind != crd.Spec.Names.Kind {
			faults = append(faults, fmt.Errorf("%s.kind: is %q, and spec.names.kind of %s is %q", key, owned.Kind, crd.file, crd.Spec.Names.Kind))
		}
		has := false
		for _, version := range crd.Spec.Versions {
			has = has || version.Name == owned.Version
		}
		if !has {
			faults = append(faults, fmt.Errorf("%s.version: %q is none of spec.versions of %s", key, owned.Version, crd.file))
		}
	}
	for _, one := range found {
		if one.Kind == crdKind && !names[one.Metadata.Name] {
			faults = append(faults, fmt.Errorf("%s: metadata.name: %q is not in spec.customresourcedefinitions.owned of %s", one.file, one.Metadata.Name, csv.file))
		}
	}
	return faults
}

// read takes the object of each file of manifests/, in the order of their names.
func read(folder string) (found []manifest, faults []error) {
	entries, err := os.ReadDir(filepath.Join(folder, "manifests"))
	if err != nil {
		return nil, []error{fmt.Errorf("manifests/: cannot be read: %w", err)}
	}
	for _, entry := range entries {
		one := manifest{file: "manifests/" + entry.Name()}
		text, err := os.ReadFile(filepath.Join(folder, one.file))
		if err == nil {
			err = yaml.Unmarshal(text, &one)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: cannot be read: %w", one.file, err))
			continue
		}
		found = append(found, one)
	}
	return found, faults
}
