// go run verify.go check.go VECTORS.json: runs Verify over the vectors; exit code 1 when a verdict
// differs.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

type vector struct {
	Name, Secret, Verdict string
	Headers               map[string]string
	Body                  []byte // base64 in the file
	Now                   int64
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		panic(err)
	}
	code := 0
	for _, v := range file.Vectors {
		headers := http.Header{}
		for name, value := range v.Headers {
			headers.Set(name, value)
		}
		got := "refuse"
		if Verify(v.Secret, headers, v.Body, v.Now) {
			got = "accept"
		}
		if got != v.Verdict {
			fmt.Fprintf(os.Stderr, "%s: should %s, but %s\n", v.Name, v.Verdict, got)
			code = 1
		}
	}
	fmt.Printf("%d vectors\n", len(file.Vectors))
	os.Exit(code)
}
