package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"

	"sigs.k8s.io/yaml"
)

// One object as JSON. kubeconform's own reader of streams passes over what it cannot read.
type object struct{ text []byte }

var (
	between = regexp.MustCompile(`(?m)^---[ \t]*(?:#.*)?$`)
	other   = regexp.MustCompile(`(?m)^---.*$`)
)

// The documents of a file, without those that are empty.
func documents(file string) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for _, one := range between.Split(string(text), -1) {
		if line := other.FindString(one); line != "" {
			return nil, fmt.Errorf("%s: a document begins on the line of its dashes: %q", file, line)
		}
		var value any
		if err := yaml.UnmarshalStrict([]byte(one), &value); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if value == nil {
			continue
		}
		asJSON, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		found = append(found, asJSON)
	}
	return found, nil
}

// Of a list its items.
func objects(file string) ([]object, error) {
	all, err := documents(file)
	if err != nil {
		return nil, err
	}
	var found []object
	for _, text := range all {
		var list struct {
			APIVersion, Kind string
			Items            *[]json.RawMessage
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("%s: a document is no object: %w", file, err)
		}
		if list.APIVersion != "v1" || list.Kind != "List" {
			found = append(found, object{text})
			continue
		}
		if list.Items == nil || len(*list.Items) == 0 {
			return nil, fmt.Errorf("%s: a List has no items", file)
		}
		for _, item := range *list.Items {
			found = append(found, object{item})
		}
	}
	return found, nil
}

// Which one it is, among those of one file.
func (o object) about() (string, error) {
	var is struct {
		APIVersion, Kind string
		Metadata         struct{ Name, GenerateName, Namespace string }
	}
	if err := json.Unmarshal(o.text, &is); err != nil {
		return "", fmt.Errorf("a document is no object: %w", err)
	}
	if is.APIVersion == "" || is.Kind == "" || is.Metadata.Name+is.Metadata.GenerateName == "" {
		return "", fmt.Errorf("an object has no apiVersion, no kind or no name: %.80s", o.text)
	}
	return fmt.Sprintf("%s %s %s %s%s", is.APIVersion, is.Kind, is.Metadata.Namespace, is.Metadata.Name, is.Metadata.GenerateName), nil
}
