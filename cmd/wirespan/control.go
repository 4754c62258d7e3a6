package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"

	"github.com/wirespan/wirespan/otelcollector"
)

// control changes the settings of the traces while the server runs: by its flags and the settings file, which SIGHUP has
// read again, and by the admin port.
type control struct {
	flags otelcollector.Settings
	file  string // "": none
	log   *slog.Logger

	mu    sync.Mutex // from the look at the settings to their change
	spans *otelcollector.Collector
}

// start returns the settings to begin with.
func (c *control) start(o *serverOptions) (otelcollector.Settings, error) {
	c.flags, c.file = o.settings, o.settingsFile
	if c.file == "" {
		return c.flags, nil
	}
	s, err := readSettings(c.flags, c.file)
	if err != nil {
		return s, startError("use the settings in "+c.file+" ("+nameOf(o.flags, "settings")+")", err)
	}
	return s, nil
}

// reread puts the flags and the file as it is now in force. A file that makes no sense changes nothing.
func (c *control) reread() {
	switch {
	case c.file == "":
		c.log.Info("there is nothing to reread: the server was started without a settings file (--settings)")
		return
	case c.spans == nil:
		c.log.Info("there is nothing to reread: no traces are made (--traces)")
		return
	}
	s, err := readSettings(c.flags, c.file)
	if err == nil {
		err = c.change(func(otelcollector.Settings) (otelcollector.Settings, error) { return s, nil })
	}
	if err != nil {
		c.log.Warn("the settings stay as they were: the file makes no sense", "file", c.file, "error", err)
		return
	}
	c.log.Info("the settings were read again", "file", c.file)
}

// change replaces the settings in force.
func (c *control) change(next func(otelcollector.Settings) (otelcollector.Settings, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := next(c.spans.Settings())
	if err != nil {
		return err
	}
	return c.spans.Reconfigure(s)
}

// maxSettings is the size of the largest body that the admin port takes.
const maxSettings = 64 << 10

// ServeHTTP answers the settings in force, and changes those that a PATCH names. Browsers send a body of type
// application/json to another site only after that has allowed it, which this one does not.
func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if c.spans == nil {
		http.Error(w, "There are no settings: no traces are made.", http.StatusConflict)
		return
	}
	if r.Method == http.MethodPatch {
		if status, err := c.patch(w, r); err != nil {
			http.Error(w, fmt.Sprintf("The settings stay as they were: %v.", err), status)
			return
		}
		c.log.Info("the settings were changed by the admin port", "client", r.RemoteAddr)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(settingsJSON(c.spans.Settings()))
}

func (c *control) patch(w http.ResponseWriter, r *http.Request) (status int, err error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return http.StatusUnsupportedMediaType, errors.New("the Content-Type has to be application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSettings))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, fmt.Errorf("they are at most %d bytes long", large.Limit)
	case err != nil:
		return http.StatusBadRequest, err
	}
	err = c.change(func(s otelcollector.Settings) (otelcollector.Settings, error) { return mergeSettings(s, text) })
	return http.StatusBadRequest, err
}
