package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// received is one line of what a receiver prints.
type received struct {
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Status  int               `json:"status"`
}

// receive takes HTTP requests, prints each as a line of JSON, and does what its path says: /hang... is never answered, /fail/N... is
// answered 500 the first N times, /elsewhere... is redirected to /stolen, and all else is answered 200.
func receive(port string) error {
	var lock sync.Mutex
	seen := map[string]int{}
	lines := json.NewEncoder(os.Stdout)
	handle := func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
		if err != nil {
			return
		}
		path := request.URL.Path
		lock.Lock()
		seen[path]++
		count := seen[path]
		lock.Unlock()
		status := http.StatusOK
		switch words := strings.Split(path, "/"); words[1] {
		case "hang":
			status = 0
		case "fail":
			if times, err := strconv.Atoi(words[2]); err == nil && count <= times {
				status = http.StatusInternalServerError
			}
		case "elsewhere":
			status = http.StatusTemporaryRedirect
			answer.Header().Set("Location", "/stolen")
		}
		headers := map[string]string{}
		for name := range request.Header {
			headers[strings.ToLower(name)] = request.Header.Get(name)
		}
		lock.Lock()
		err = lines.Encode(received{path, headers, string(body), status})
		lock.Unlock()
		if err != nil {
			fmt.Fprintf(os.Stderr, "stream: %v\n", err)
		}
		if status == 0 {
			<-request.Context().Done()
			return
		}
		answer.WriteHeader(status)
	}
	server := &http.Server{Addr: ":" + port, Handler: http.HandlerFunc(handle), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		waitForTerm()
		os.Exit(0)
	}()
	return server.ListenAndServe()
}
