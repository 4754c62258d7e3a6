// Package faults is a receiver of OTLP that misbehaves as a script tells it, call by call, over gRPC and over HTTP, and that
// keeps the accounts: which spans came, how often, and when. What a real gRPC server cannot be made to do, [Wire] does
// by hand, frame by frame.
//
// Requests are decoded by the official protobuf package; see package sink.
package faults
