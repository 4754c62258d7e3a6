package main

import (
	"strings"
	"testing"
)

func TestChildSaysWhatWentWrong(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{roleServer, "apache", hellos, ""}, `start serve: there is no server "apache"`},
		{[]string{roleCrowd, "127.0.0.1:1", "1"}, "start crowd: open connection 0: "},
		{[]string{roleReceiver, "-delay", "x"}, "start receive: invalid value"},
	} {
		p, err := start(t.Context(), nil, c.args...)
		if err == nil {
			p.stop()
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want one line that begins with %s", c.args, err, c.want)
		}
	}
}

func TestChildEndsAtAQuestionItDoesNotKnow(t *testing.T) {
	p, err := start(t.Context(), nil, roleServer, netHTTP, hellos, "")
	if err != nil {
		t.Fatal(err)
	}
	var answer any
	if err := p.ask("why", &answer); err == nil || err.Error() != `ask serve for its why: "why" is no question` {
		t.Errorf("got %v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
