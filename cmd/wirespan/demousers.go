package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// maxUserID is the length of an id that /users/{id} takes, in bytes.
const maxUserID = 64

type user struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (d *demo) user(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if len(id) > maxUserID {
		badRequest(w, fmt.Errorf("the id of a user has at most %d bytes", maxUserID))
		return
	}
	u, err := d.loadUser(r.Context(), id)
	if err != nil {
		return // the client left
	}
	writeJSON(w, u)
}

// loadUser stands for a look-up in a database: two milliseconds, and a span of an ordinary tracer under the request's.
func (d *demo) loadUser(ctx context.Context, id string) (user, error) {
	ctx, span := d.tracer.Start(ctx, "load user", trace.WithAttributes(attribute.String("user.id", id)))
	defer span.End()
	timer := time.NewTimer(2 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return user{ID: id, Name: "User " + id}, nil
	case <-ctx.Done():
		span.RecordError(ctx.Err())
		return user{}, ctx.Err()
	}
}

// chain calls another route of this server: its trace holds both requests and the call between them.
func (d *demo) chain(w http.ResponseWriter, r *http.Request) {
	u, err := d.fetchUser(r.Context(), "42")
	if err != nil {
		http.Error(w, "The call of /users/42 failed.", http.StatusBadGateway)
		return
	}
	writeJSON(w, struct {
		Called string `json:"called"`
		User   user   `json:"user"`
	}{"/users/42", u})
}

func (d *demo) fetchUser(ctx context.Context, id string) (user, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.self.JoinPath("users", id).String(), nil)
	if err != nil {
		return user{}, err
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return user{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return user{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return user{}, errors.New(resp.Status)
	}
	var u user
	return u, json.Unmarshal(body, &u)
}
