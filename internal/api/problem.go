package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Problem is what went wrong with a request (RFC 9457).
type Problem struct {
	Title  string `json:"title" jsonschema_description:"What the status means"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty" jsonschema_description:"What to do about it"`
}

// refuse answers a request with a problem.
func refuse(w http.ResponseWriter, status int, detail string) {
	write(w, status, "application/problem+json", Problem{http.StatusText(status), status, detail})
}

// write answers a request with a document. What cannot be sent any more has
// nobody to be told.
func write(w http.ResponseWriter, status int, kind string, document any) {
	text, err := json.Marshal(document)
	if err != nil {
		status, kind, text = http.StatusInternalServerError, "text/plain; charset=utf-8", []byte(err.Error())
	}
	text = append(text, '\n')
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
