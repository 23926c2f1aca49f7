package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// proxy stands between a store and who uses it, and does to their requests what its rules say. Host and body pass as they
// are, so that signatures stay good. The rules come over HTTP, at the control address:
//
//	GET /rules                 the rules, with how many requests each has met ("met")
//	POST /rules                one rule more, as JSON; rules are tried in their order, the first that applies is it
//	DELETE /rules              none any more
//	POST /down                 refuses connections from now on, and breaks those that are open
//	POST /up                   takes them again
//	GET /requests              what has come by, oldest first: method, path, parts of the query, who signed, the answer's status
type proxy struct {
	address string
	forward *httputil.ReverseProxy

	mutex    sync.Mutex
	rules    []*rule
	requests []request
	server   *http.Server // nil while down
}

// rule says which requests it is for and what is done to them.
type rule struct {
	Method   string `json:"method"`   // empty: any
	Contains string `json:"contains"` // in the path with its query
	Skip     int    `json:"skip"`     // so many that match are let through first
	Times    int    `json:"times"`    // then so many are met; 0: all
	// answer: Status, with Code and Message as S3 has them
	// stall: passes on after Seconds
	// close: breaks the connection, and nothing is passed on
	// lose: passes on, and breaks the connection instead of the answer
	// cut: passes on, and breaks the connection after Bytes of the answer's body
	// down: refuses connections from now on; this one is broken
	Do      string  `json:"do"`
	Status  int     `json:"status"`
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	Seen    int     `json:"seen"`
	Met     int     `json:"met"`
}

// request is what is remembered of one, without its signature.
type request struct {
	Method     string `json:"method"`
	Path       string `json:"path"`
	Part       string `json:"part"`
	Upload     string `json:"upload"`
	Credential string `json:"credential"`
	Date       string `json:"date"`
	Status     int    `json:"status"`
}

func serveProxy(listen, target, control string) error {
	to, err := url.Parse(target)
	if err != nil || to.Host == "" {
		return fmt.Errorf("%q is no target: http://host:port", target)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 10 * time.Second}
	p := &proxy{address: listen, forward: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.Host = r.In.Host
		},
	}}
	if err := p.up(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rules", func(w http.ResponseWriter, _ *http.Request) { p.say(w, &p.rules) })
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { p.say(w, &p.requests) })
	mux.HandleFunc("POST /rules", func(w http.ResponseWriter, r *http.Request) {
		added := new(rule)
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(added)
		if err == nil {
			err = added.check()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.rules = append(p.rules, added)
	})
	mux.HandleFunc("DELETE /rules", func(http.ResponseWriter, *http.Request) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.rules = nil
	})
	mux.HandleFunc("POST /down", func(http.ResponseWriter, *http.Request) { p.down() })
	mux.HandleFunc("POST /up", func(w http.ResponseWriter, _ *http.Request) {
		if err := p.up(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return (&http.Server{Addr: control, Handler: mux, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
}

func (r *rule) check() error {
	switch r.Do {
	case "answer":
		if r.Status < 200 || r.Status > 599 {
			return fmt.Errorf("status: %d is none", r.Status)
		}
	case "stall", "close", "lose", "cut", "down":
	default:
		return fmt.Errorf("do: %q is not known: answer, stall, close, lose, cut or down", r.Do)
	}
	return nil
}

func (p *proxy) say(w http.ResponseWriter, what any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_ = json.NewEncoder(w).Encode(what)
}

func (p *proxy) up() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second}
	p.server = server
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Println(err)
		}
	}()
	return nil
}

func (p *proxy) down() {
	p.mutex.Lock()
	server := p.server
	p.server = nil
	p.mutex.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// first finds the rule that is for this request, and counts.
func (p *proxy) first(r *http.Request) *rule {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, rule := range p.rules {
		if rule.Method != "" && rule.Method != r.Method || !strings.Contains(r.URL.RequestURI(), rule.Contains) {
			continue
		}
		if rule.Times > 0 && rule.Met >= rule.Times {
			continue
		}
		rule.Seen++
		if rule.Seen > rule.Skip {
			rule.Met++
			return rule
		}
	}
	return nil
}

func (p *proxy) remember(r *http.Request, status int) {
	query := r.URL.Query()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.requests = append(p.requests, request{
		Method: r.Method, Path: r.URL.Path, Part: query.Get("partNumber"), Upload: query.Get("uploadId"),
		Credential: query.Get("X-Amz-Credential"), Date: query.Get("X-Amz-Date"), Status: status,
	})
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := &reply{ResponseWriter: w, left: -1}
	// Also where the connection is broken on purpose, by a panic that the server knows.
	defer func() { p.remember(r, seen.status) }()
	rule := p.first(r)
	if rule == nil {
		p.forward.ServeHTTP(seen, r)
		return
	}
	switch rule.Do {
	case "answer":
		// A store reads the body before it says what is wrong with it.
		_, _ = io.Copy(io.Discard, r.Body)
		seen.Header().Set("Content-Type", "application/xml")
		seen.WriteHeader(rule.Status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(seen, s3Error(rule.Code, rule.Message))
		}
	case "stall":
		select {
		case <-time.After(time.Duration(rule.Seconds * float64(time.Second))):
			p.forward.ServeHTTP(seen, r)
		case <-r.Context().Done():
		}
	case "lose":
		p.forward.ServeHTTP(nowhere{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case "cut":
		seen.left = rule.Bytes
		p.forward.ServeHTTP(seen, r)
	case "down":
		go p.down()
		panic(http.ErrAbortHandler)
	default:
		panic(http.ErrAbortHandler)
	}
}

func s3Error(code, message string) string {
	text := func(s string) string {
		var out strings.Builder
		_ = xml.EscapeText(&out, []byte(s))
		return out.String()
	}
	return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + text(code) + "</Code><Message>" + text(message) + "</Message></Error>"
}

// reply keeps the status, and breaks the connection when no bytes are left.
type reply struct {
	http.ResponseWriter
	status int
	left   int64 // -1: no end
}

func (a *reply) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *reply) Write(bytes []byte) (int, error) {
	if a.left < 0 {
		return a.ResponseWriter.Write(bytes)
	}
	n, err := a.ResponseWriter.Write(bytes[:min(int64(len(bytes)), a.left)])
	a.left -= int64(n)
	if err == nil && n < len(bytes) {
		_ = http.NewResponseController(a.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func (a *reply) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// nowhere takes an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header             { return n.header }
func (n nowhere) Write(bytes []byte) (int, error) { return len(bytes), nil }
func (n nowhere) WriteHeader(int)                 {}
