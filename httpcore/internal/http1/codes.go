package http1

// The codes of this package's errors. Names are Kestrel's where it has one for the same thing.
const (
	CodeInvalidRequestLine     = "invalid_request_line"
	CodeInvalidHTTPVersion     = "invalid_http_version"
	CodeInvalidHeaders         = "invalid_request_headers"
	CodeTargetTooLong          = "request_target_too_long"
	CodeHeadTooLarge           = "max_request_headers_total_size_exceeded"
	CodeTooManyHeaders         = "max_request_header_count_exceeded"
	CodeUnsupportedCoding      = "unsupported_transfer_coding"
	CodeUnsupportedExpectation = "unsupported_expectation"
	CodeInvalidChunkedBody     = "invalid_chunked_body"
)

// Error is why bytes are no acceptable request.
type Error struct {
	// Status is what the request is answered with.
	Status int
	// Code is one of the constants of this package.
	Code string
	// Reason says in half a sentence, fit for the client, what was wrong or what is allowed.
	Reason string
	// Offset is the index of the byte that decided it, from the first byte given to Parse, or of the chunked body.
	Offset int
}

// Error implements error.
func (e *Error) Error() string { return e.Reason }

func badLine(at int, reason string) *Error {
	return &Error{400, CodeInvalidRequestLine, reason, at}
}

func badField(at int, reason string) *Error {
	return &Error{400, CodeInvalidHeaders, reason, at}
}

func badChunk(at int, reason string) *Error {
	return &Error{400, CodeInvalidChunkedBody, reason, at}
}
