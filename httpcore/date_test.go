package httpcore

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// However often the clock is renewed and the date is asked for, it is made once a second.
func TestDateIsMadeOnceASecond(t *testing.T) {
	defer lifecycle.RenewAnchor() // which is everybody's, and was that of the bubble
	synctest.Test(t, func(t *testing.T) {
		var c coarseClock
		made := map[*string]bool{}
		for range 3*time.Second/tick + 1 { // the time of a bubble begins at a full second
			c.renew()
			made[c.header.Load()] = true
			if got, want := c.date(), time.Now().UTC().Format(http.TimeFormat); got != want {
				t.Errorf("the date is %q at %q", got, want)
			}
			time.Sleep(tick)
		}
		if len(made) != 4 {
			t.Errorf("it was made %d times in three seconds and at the beginning of the fourth", len(made))
		}
	})
}
