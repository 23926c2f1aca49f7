// Command kubeconform holds manifests against the schemas of a Kubernetes and of our kinds, by kubeconform, which finds nothing for our kinds by
// itself, and all else on the Internet:
//
//	kubeconform OPENAPI CRDS FILE...     the API server's OpenAPI v2 document, as JSON; a file of CustomResourceDefinitions; manifests
//
// It prints each object that is not as its schema says, has a field that is none, or has no schema, and fails where there is one, or no object.
package main

import (
	"fmt"
	"os"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: kubeconform OPENAPI CRDS FILE...")
		os.Exit(2)
	}
	well, err := conform(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubeconform:", err)
		os.Exit(1)
	}
	fmt.Printf("%d objects are as their schemas say\n", well)
}

// How many objects there are; an error says what is wrong with any of them.
func conform(openapi, crds string, files []string) (int, error) {
	folder, err := os.MkdirTemp("", "kubeconform-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	if err := schemas(openapi, crds, folder); err != nil {
		return 0, err
	}
	held, err := validator.New([]string{folder + "/" + named}, validator.Opts{Strict: true})
	if err != nil {
		return 0, err
	}
	well, wrong := 0, ""
	for _, file := range files {
		found, err := objects(file)
		if err != nil {
			return 0, err
		}
		seen := map[string]bool{}
		for _, object := range found {
			about, err := object.about()
			if err != nil {
				wrong += fmt.Sprintf("\n%s: %s", file, err)
				continue
			}
			result := held.ValidateResource(resource.Resource{Path: file, Bytes: object.text})
			switch {
			case seen[about]:
				wrong += fmt.Sprintf("\n%s: %s is there twice", file, about)
			case result.Status != validator.Valid:
				wrong += fmt.Sprintf("\n%s: %s: %v", file, about, result.Err)
			default:
				well++
			}
			seen[about] = true
		}
	}
	if wrong != "" {
		return 0, fmt.Errorf("these are not as their schemas say:%s", wrong)
	}
	if well == 0 {
		return 0, fmt.Errorf("there is no object in these files")
	}
	return well, nil
}
