//go:build !checks

package httpcore

// Without the build tag checks nothing is checked, and nothing is left of the calls.

type exclusive struct{}

func (*exclusive) enter(string) {}
func (*exclusive) leave()       {}

func poisonBuffer([]byte) {}
func checkPoison([]byte)  {}
