// Command olm holds a bundle of the Operator Lifecycle Manager against the rules of `operator-sdk bundle validate`: first the form of the folder, in our own words
// (format.go), then the validators, those that are asked for too, from the module that operator-sdk takes them from:
//
//	olm FOLDER     the bundle's, which has manifests/ and metadata/
//
// It prints each fault and each warning, and fails on faults.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	interfaces "github.com/operator-framework/api/pkg/validation/interfaces"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: olm FOLDER")
		os.Exit(2)
	}
	faults := 0
	for _, fault := range format(os.Args[1]) {
		faults++
		fmt.Printf("fault: %s\n", fault.Error())
	}
	if faults > 0 {
		os.Exit(1)
	}
	bundle, err := manifests.GetBundleFromDir(filepath.Join(os.Args[1], "manifests"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "olm:", err)
		os.Exit(1)
	}
	objects := bundle.ObjectsToValidate()
	rules := append(interfaces.Validators{}, validation.DefaultBundleValidators...)
	rules = append(rules, validation.OperatorHubV2Validator, validation.StandardCapabilitiesValidator, validation.StandardCategoriesValidator,
		validation.GoodPracticesValidator, validation.AlphaDeprecatedAPIsValidator)
	for _, result := range rules.Validate(objects...) {
		for _, warning := range result.Warnings {
			fmt.Printf("warning: %s\n", warning.Error())
		}
		for _, fault := range result.Errors {
			faults++
			fmt.Printf("fault: %s\n", fault.Error())
		}
	}
	if faults > 0 {
		os.Exit(1)
	}
	fmt.Printf("%s %s: %d objects, no fault\n", bundle.Name, bundle.CSV.Spec.Version, len(objects))
}
