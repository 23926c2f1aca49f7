// Command stream is a source and a sink of bytes for tests: one static binary, all that an image
// without a shell holds.
//
//	stream random BYTES [SEED]      incompressible bytes to stdout; the same seed (default 1) gives the same bytes
//	stream text BYTES [SEED]        bytes like an SQL dump, which zstd -3 makes about four times smaller
//	stream fill FILE random|text BYTES [SEED]
//	                                the same into a file
//	stream fail CODE KIND BYTES     writes, then ends with CODE
//	stream hang KIND BYTES          writes, then waits for SIGTERM with stdout open
//	stream slow KIND BYTES SECONDS  writes evenly for that long
//	stream orphan KIND BYTES        writes and ends, leaving a child in a session of its own that holds stdout
//	stream kill SIGNAL KIND BYTES   writes, then kills itself with that signal (a number)
//	stream impostor                 takes the place of the agent that has started it, and says that all went well (impostor.go)
//	stream hog KIND BYTES           writes, then takes memory until it is killed
//	stream flood BYTES KIND BYTES   writes that many bytes of lines to stderr, then as said to stdout
//	stream half BYTES               reads that many bytes of stdin, then waits for SIGTERM
//	stream ignore                   ends well without looking at stdin
//	stream cat FILE                 a file to stdout
//	stream save FILE                stdin to a file, which gets its name only at the end of stdin
//	stream sum [FILE]               "BYTES SHA256": of a file to stdout, of stdin to stderr
//	stream drain                    stdin to nowhere
//	stream wait                     waits for SIGTERM
//	stream serve PORT               answers each HTTP request with 200, until SIGTERM
//	stream receive PORT             takes HTTP requests, prints each as a line of JSON, and answers as its path says (receive.go)
//	stream proxy LISTEN TARGET CONTROL
//	                                stands before a store and does to requests what it is told at CONTROL (proxy.go)
//
// BYTES takes the suffixes K, M and G (powers of 1024).
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const block = 256 << 10

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "stream: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	verb, args := next(args)
	switch verb {
	case "random", "text":
		return emit(os.Stdout, append([]string{verb}, args...), 0)
	case "fill":
		name, args := next(args)
		file, err := os.Create(name)
		if err != nil {
			return err
		}
		if err := emit(file, args, 0); err != nil {
			return err
		}
		return file.Close()
	case "fail":
		code, args := next(args)
		status, err := strconv.Atoi(code)
		if err != nil {
			return fmt.Errorf("exit code: %w", err)
		}
		if err := emit(os.Stdout, args, 0); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "stream: ends with %d as told\n", status)
		os.Exit(status)
	case "hang":
		if err := emit(os.Stdout, args, 0); err != nil {
			return err
		}
		waitForTerm()
		return nil
	case "slow":
		if len(args) < 3 {
			return fmt.Errorf("slow needs KIND BYTES SECONDS")
		}
		seconds, err := strconv.ParseFloat(args[2], 64)
		if err != nil {
			return fmt.Errorf("seconds: %w", err)
		}
		return emit(os.Stdout, args[:2], time.Duration(seconds*float64(time.Second)))
	case "orphan":
		if err := emit(os.Stdout, args, 0); err != nil {
			return err
		}
		child := exec.Command("/proc/self/exe", "wait")
		child.Stdout = os.Stdout
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return child.Start()
	case "kill":
		word, args := next(args)
		number, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("signal: %w", err)
		}
		if err := emit(os.Stdout, args, 0); err != nil {
			return err
		}
		// Go's runtime turns some signals into others; with its default back, this one is what the parent sees.
		signal.Reset(syscall.Signal(number))
		if err := syscall.Kill(os.Getpid(), syscall.Signal(number)); err != nil {
			return err
		}
		time.Sleep(time.Minute)
		return fmt.Errorf("signal %d did not end this process", number)
	case "impostor":
		return impostor()
	case "hog":
		if err := emit(os.Stdout, args, 0); err != nil {
			return err
		}
		return hog()
	case "flood":
		word, args := next(args)
		size, err := parseSize(word)
		if err != nil {
			return err
		}
		if err := flood(size); err != nil {
			return err
		}
		return emit(os.Stdout, args, 0)
	case "half":
		word, _ := next(args)
		size, err := parseSize(word)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, os.Stdin, size); err != nil {
			return err
		}
		waitForTerm()
		return nil
	case "ignore":
		return nil
	case "proxy":
		if len(args) != 3 {
			return fmt.Errorf("proxy needs LISTEN TARGET CONTROL")
		}
		return serveProxy(args[0], args[1], args[2])
	case "cat":
		name, _ := next(args)
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = pipe(os.Stdout, file)
		return err
	case "save":
		name, _ := next(args)
		return save(name)
	case "sum":
		return sum(args)
	case "drain":
		_, err := pipe(io.Discard, os.Stdin)
		return err
	case "wait":
		waitForTerm()
		return nil
	case "serve":
		port, _ := next(args)
		return serve(port)
	case "receive":
		port, _ := next(args)
		return receive(port)
	}
	return fmt.Errorf("unknown verb %q: the verbs are at the head of main.go", verb)
}

// next takes the first argument, "" where there is none.
func next(args []string) (string, []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// pipe copies in blocks that pipes and disks like, around the shortcuts of io.Copy that use smaller ones.
func pipe(to io.Writer, from io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, block))
}

func save(name string) error {
	file, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	if _, err := pipe(file, os.Stdin); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}

func sum(args []string) error {
	from, to := os.Stdin, os.Stderr
	if len(args) > 0 {
		file, err := os.Open(args[0])
		if err != nil {
			return err
		}
		from, to = file, os.Stdout
	}
	hash := sha256.New()
	size, err := pipe(hash, from)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "%d %x\n", size, hash.Sum(nil))
	return err
}

// hog takes memory and uses it, so that it is really there.
func hog() error {
	for held := [][]byte{}; ; {
		held = append(held, bytes.Repeat([]byte{1}, 8<<20))
	}
}

func flood(size int64) error {
	line := append(bytes.Repeat([]byte("a warning, and again "), 12), '\n')
	many := bytes.Repeat(line, block/len(line))
	for written := int64(0); written < size; written += int64(len(many)) {
		if _, err := os.Stderr.Write(many); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(os.Stderr, "the last warning")
	return err
}

func waitForTerm() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGINT)
	<-term
}

func serve(port string) error {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	go func() {
		waitForTerm()
		os.Exit(0)
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(connection)
	}
}

func answer(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := connection.Read(make([]byte, 8<<10)); err == nil {
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
	}
}

// emit writes `KIND BYTES [SEED]`, evenly over a time where one is given.
func emit(to io.Writer, args []string, over time.Duration) error {
	if len(args) < 2 {
		return fmt.Errorf("wants random|text BYTES [SEED]")
	}
	size, err := parseSize(args[1])
	if err != nil {
		return err
	}
	seed := uint64(1)
	if len(args) > 2 {
		if seed, err = strconv.ParseUint(args[2], 10, 64); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	source, err := newSource(args[0], seed)
	if err != nil {
		return err
	}
	started := time.Now()
	buffer := make([]byte, block)
	for written := int64(0); written < size; {
		chunk := buffer[:min(size-written, block)]
		source.fill(chunk)
		if _, err := to.Write(chunk); err != nil {
			return err
		}
		written += int64(len(chunk))
		if over > 0 {
			due := time.Duration(float64(over) * float64(written) / float64(size))
			time.Sleep(time.Until(started.Add(due)))
		}
	}
	return nil
}

func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMG")
	size, err := strconv.ParseInt(digits, 10, 64)
	suffixes := map[string]int64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
	unit, known := suffixes[strings.TrimPrefix(text, digits)]
	if err != nil || !known || size < 0 {
		return 0, fmt.Errorf("%q is no size: a number with K, M, G or nothing behind it", text)
	}
	return size * unit, nil
}
