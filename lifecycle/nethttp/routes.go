package nethttp

import "net/http"

// Routes returns next with the pattern that it matches made known as the request's route. It is needed where a middleware gives
// next another request than its own, such as one made by [http.Request.WithContext]: an [http.ServeMux] leaves its pattern in the
// request that it is given, where nobody else would find it.
//
//	server.Handler = middleware(nethttp.Routes(mux))
//
// Of several, one within the other, the innermost counts. Requests of a server that is not attached pass as they are.
func Routes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx, ok := r.Context().Value(contextKey{}).(*requestContext); ok {
			defer ctx.noteRoute(r)
		}
		next.ServeHTTP(w, r)
	})
}

func (r *requestContext) noteRoute(request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.route == "" {
		r.route = request.Pattern
	}
}
