// Command health says of objects what GitOps tools make of them:
//
//	health kstatus        by kstatus, which Flux and Helm wait with
//	health lua SCRIPT     by a health check of Argo CD's, in Argo CD's own Lua engine
//
// It reads objects as JSON from stdin, one after the other, and prints {"status", "message"} of each on a line of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// What Argo CD takes from a health check.
var statuses = []string{"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	judge := byKstatus
	switch {
	case len(args) == 1 && args[0] == "kstatus":
	case len(args) == 2 && args[0] == "lua":
		script, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		judge = func(object []byte) (verdict, error) { return byLua(string(script), object) }
	default:
		return errors.New("usage: health kstatus | health lua SCRIPT")
	}
	objects, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var object json.RawMessage
		if err := objects.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		said, err := judge(object)
		if err != nil {
			return err
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
}

func byKstatus(object []byte) (verdict, error) {
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON(object); err != nil {
		return verdict{}, err
	}
	result, err := status.Compute(&u)
	if err != nil {
		return verdict{}, err
	}
	return verdict{string(result.Status), result.Message}, nil
}

// byLua runs a script with what Argo CD gives it where useOpenLibs is not set, and no more: no string library, no print, one second.
func byLua(script string, object []byte) (said verdict, err error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return said, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.SetContext(ctx)
	obj, err := luajson.Decode(l, object)
	if err != nil {
		return said, err
	}
	l.SetGlobal("obj", obj)
	if err := l.DoString(script); err != nil {
		return said, err
	}
	returned, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		return said, fmt.Errorf("expect table output from Lua script, not %s", l.Get(-1).Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return said, err
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return said, err
	}
	if !slices.Contains(statuses, said.Status) {
		return said, fmt.Errorf("%q is no health status", said.Status)
	}
	return said, nil
}
