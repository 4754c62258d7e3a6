package statistics

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// ErrorSnapshot is what is saved of the first error of a group, as JSON; see [Options.SaveErrorSnapshots]. Its key is that
// of the counts and "/errors/" and a number that is made of the place, the type and the message.
type ErrorSnapshot struct {
	At time.Time `json:"at"`
	// Error is the group; its Message is that of this error.
	Error ErrorGroup `json:"error"`
	// Stack is the stack of a panic.
	Stack string `json:"stack,omitempty"`
	// Method and Path are of the request, as far as they are known; the path without its query, which may hold secrets.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Status is what the client was answered; 0 when it was not.
	Status int `json:"status,omitempty"`
}

// trackFailure counts the error of a request that the server had to end.
func (s *Statistics) trackFailure(e *lifecycle.RequestFailed, again bool) {
	tracker := s.errors
	if again {
		tracker = s.retryErrors
	}
	group := tracker.add(e.Code, e.Err)
	if group.Count > 1 || !s.options.SaveErrorSnapshots || s.options.Persistence == PersistenceOff {
		return
	}
	snapshot := newErrorSnapshot(group, e)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots = append(s.snapshots, snapshot) // bounded as the groups are
}

func newErrorSnapshot(group ErrorGroup, e *lifecycle.RequestFailed) ErrorSnapshot {
	path, _, _ := strings.Cut(e.Target, "?")
	snapshot := ErrorSnapshot{
		At: lifecycle.WallTime(e.TimestampNS), Error: group,
		Method: strings.Clone(e.Method), Path: strings.Clone(path), Status: e.Status,
	}
	if p, ok := errors.AsType[*lifecycle.PanicError](e.Err); ok {
		snapshot.Stack = string(p.Stack)
	}
	return snapshot
}

// saveSnapshots saves those that are not saved yet. The caller has its turn.
func (s *Statistics) saveSnapshots(ctx context.Context) error {
	s.mu.Lock()
	snapshots := s.snapshots
	s.mu.Unlock()
	for i, snapshot := range snapshots {
		text, err := json.Marshal(snapshot)
		if err == nil {
			err = s.options.Store.Set(ctx, s.snapshotKey(snapshot), text)
		}
		if err != nil {
			s.dropSnapshots(i)
			return fmt.Errorf("statistics: save the snapshot of an error: %w", err)
		}
	}
	s.dropSnapshots(len(snapshots))
	return nil
}

// dropSnapshots lets go of the first n, which are saved.
func (s *Statistics) dropSnapshots(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots = s.snapshots[min(n, len(s.snapshots)):]
}

func (s *Statistics) snapshotKey(snapshot ErrorSnapshot) string {
	sum := sha256.Sum256([]byte(snapshot.Error.String()))
	return s.options.Key + "/errors/" + hex.EncodeToString(sum[:8])
}
