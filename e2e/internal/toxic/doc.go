// Package toxic is a TCP proxy that does to a connection what networks do: it delays, holds back, swallows, and cuts.
package toxic
