// Package deploy checks the files that run Wirespan in containers, as far as that is possible without pulling an image:
// each is read by the parser of the program that it is for, where there is one for Go, and what one file says of
// another must be true.
package deploy
