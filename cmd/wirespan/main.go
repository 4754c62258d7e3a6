// Command wirespan serves HTTP and traces every connection and request with OpenTelemetry: a directory, an
// application behind it, or a demonstration.
//
//	wirespan proxy http://127.0.0.1:3000    traces for an application in any language
//	wirespan serve DIR                      a file server
//	wirespan demo                           a small application to try everything on
//	wirespan check                          says whether traces arrive where they should
//	wirespan version
//
// Exit codes: 0 all well; 1 it could not start, or check failed; 2 a flag, variable or argument that makes no
// sense, or a second signal that ended a drain.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}
