//go:build !race

package poll

func sending()  {}
func received() {}
