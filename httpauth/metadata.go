package httpauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"example.com/jwtverifier/internal/web"
)

// wellKnown is where metadata of protected resources is found (RFC 9728 §3).
const wellKnown = "/.well-known/oauth-protected-resource"

// ResourceMetadata tells clients where to get access tokens for a service (RFC
// 9728 §2). The document also says, always, that tokens are sent in the
// Authorization header.
type ResourceMetadata struct {
	// Resource is the resource identifier, required: the URL that clients know
	// the service by, https (http for loopback hosts), without query, fragment
	// and userinfo. Clients compare it with the URL they use (RFC 9728 §3.3).
	Resource string

	// AuthorizationServers are the issuers whose tokens are accepted, at least
	// one: what Issuer returns of each verifier.
	AuthorizationServers []string

	// Scopes, Name and Documentation (a URL, https or http) are for the
	// developers of clients. They are left out if empty.
	Scopes        []string
	Name          string
	Documentation string
}

// servedMetadata is what becomes of a ResourceMetadata.
type servedMetadata struct {
	url  string // where clients find it
	path string // the path of url, escaped
	body []byte // JSON
}

// WithResourceMetadata has challenges tell where the metadata is
// (resource_metadata, RFC 9728 §5.1), so that clients, MCP clients among them,
// find the authorization server by themselves. Serve it there with
// [Guard.ResourceMetadataHandler].
func WithResourceMetadata(m ResourceMetadata) Option {
	return func(g *Guard) error {
		resource, ok := serverURL(m.Resource)
		if !ok || resource.Scheme != "https" && !web.IsLoopback(resource.Hostname()) {
			return misconfigured("WithResourceMetadata: Resource must be an https URL (http: loopback) without query, fragment, userinfo and dot segments")
		}
		if len(m.AuthorizationServers) == 0 {
			return misconfigured("WithResourceMetadata: no AuthorizationServers")
		}
		for _, issuer := range m.AuthorizationServers {
			if _, ok := serverURL(issuer); !ok {
				return misconfigured("WithResourceMetadata: AuthorizationServers must be URLs without query, fragment, userinfo and dot segments")
			}
		}
		if !areScopes(m.Scopes) {
			return misconfigured("WithResourceMetadata: Scopes must be scope-tokens (RFC 6749 section 3.3)")
		}
		if d, err := url.Parse(m.Documentation); m.Documentation != "" && (err != nil || d.Host == "" || d.Scheme != "https" && d.Scheme != "http") {
			return misconfigured("WithResourceMetadata: Documentation must be an absolute URL")
		}
		body, err := json.Marshal(struct {
			Resource             string   `json:"resource"`
			AuthorizationServers []string `json:"authorization_servers"`
			Scopes               []string `json:"scopes_supported,omitempty"`
			Methods              []string `json:"bearer_methods_supported"`
			Name                 string   `json:"resource_name,omitempty"`
			Documentation        string   `json:"resource_documentation,omitempty"`
		}{m.Resource, m.AuthorizationServers, m.Scopes, []string{"header"}, m.Name, m.Documentation})
		if err != nil {
			return misconfigured("WithResourceMetadata: " + err.Error())
		}
		// The well-known part stands between host and path (RFC 9728 §3.1).
		at := wellKnown
		if resource.Path != "/" {
			at += resource.EscapedPath()
		}
		g.metadata = &servedMetadata{url: resource.Scheme + "://" + resource.Host + at, path: at, body: body}
		return nil
	}
}

// ResourceMetadataHandler returns a handler that serves the metadata, and the
// path that RFC 9728 §3.1 derives from the resource identifier: for
// https://api.example/orders it is
// /.well-known/oauth-protected-resource/orders. It needs no token, so it belongs
// outside of [Guard.Handler]:
//
//	mux.Handle(guard.ResourceMetadataHandler())
//
// The metadata is public: scripts of every origin may read it (CORS).
// ResourceMetadataHandler panics without [WithResourceMetadata].
func (g *Guard) ResourceMetadataHandler() (string, http.Handler) {
	if g == nil || g.metadata == nil {
		panic(misconfigured("ResourceMetadataHandler needs WithResourceMetadata"))
	}
	m := g.metadata
	return m.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h.Set("Content-Type", "application/json")
			_, _ = w.Write(m.body) // an error means that the client is gone
		case http.MethodOptions:
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "*")
			w.WriteHeader(http.StatusNoContent)
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		}
	})
}

// serverURL parses the URL of a server, as it may stand in metadata and in
// challenges.
func serverURL(raw string) (*url.URL, bool) {
	// url.Parse takes characters that a URI cannot have (RFC 3986 §2).
	if !isPrintable(raw) || strings.ContainsAny(raw, " \"<>\\^`{|}?#") {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, false
	}
	// Clients and http.ServeMux would make another path of these.
	for _, part := range []string{"//", "/./", "/../"} {
		if strings.Contains(strings.TrimSuffix(u.Path, "/")+"/", part) {
			return nil, false
		}
	}
	return u, true
}
