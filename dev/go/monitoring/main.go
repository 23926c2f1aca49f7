// monitoring reads what the project makes for others in the types of those others, where nothing may be that they do not know:
//
//	monitoring dashboard FILE...   dashboards, in the types of Grafana's Foundation SDK
//	monitoring manifests           objects in JSON on standard input, one after the other, in the types of Prometheus Operator
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func main() {
	err := errors.New("usage: monitoring dashboard FILE... | monitoring manifests <OBJECTS")
	switch {
	case len(os.Args) > 2 && os.Args[1] == "dashboard":
		err = dashboards(os.Args[2:])
	case len(os.Args) == 2 && os.Args[1] == "manifests":
		err = manifests(json.NewDecoder(os.Stdin))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func dashboards(files []string) error {
	// Panels and queries have types of their own.
	plugins.RegisterDefaultPlugins()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var read dashboard.Dashboard
		if err := some(read.UnmarshalJSONStrict(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := some(read.Validate()); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Printf("%s: %d panels\n", file, len(read.Panels))
	}
	return nil
}

// some is the error, unless it is a list of none, which the SDK gives instead of nil.
func some(err error) error {
	var all cog.BuildErrors
	if errors.As(err, &all) && len(all) == 0 {
		return nil
	}
	return err
}

func manifests(objects *json.Decoder) error {
	for {
		var object json.RawMessage
		if err := objects.Decode(&object); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var kind struct{ Kind string }
		if err := json.Unmarshal(object, &kind); err != nil {
			return err
		}
		into, err := of(kind.Kind)
		if err != nil {
			return err
		}
		if err := strict(object, into); err != nil {
			return fmt.Errorf("%s: %w", kind.Kind, err)
		}
		fmt.Println(kind.Kind)
	}
}

func of(kind string) (any, error) {
	switch kind {
	case "ServiceMonitor":
		return &monitoring.ServiceMonitor{}, nil
	case "PrometheusRule":
		return &monitoring.PrometheusRule{}, nil
	}
	return nil, fmt.Errorf("no kind of Prometheus Operator that is known here is called %q", kind)
}

// strict reads an object into its type, and fails over a field that the type has not.
func strict(object []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
