package access

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// Key is an API key that somebody has proven to hold, reduced to what it may do. It is immutable and shared between
// requests; it does not contain the secret.
type Key struct {
	id      wire.ID
	hash    digest
	tenant  wire.ID
	manager bool
	expires wire.Instant
	may     permissions
}

// ID returns the id of the key, which may be logged.
func (k *Key) ID() wire.ID { return k.id }

// Tenant returns the tenant the key is bound to, or "" for a global key.
func (k *Key) Tenant() wire.ID { return k.tenant }

// MayManage tells whether the key may manage keys in the way of the method. The flag of a key manager is enough for all; only
// when the permissions also name the endpoint of keys are the methods limited to those they list.
func (k *Key) MayManage(method string) bool {
	listed, limited := k.may["/api/api-key"]
	return k.manager && (!limited || slices.Contains(listed, method))
}

// May tells whether the key has the permission for an endpoint: the path without ids, such as "/api/webhook". A key without
// any permissions is a super key and may do everything.
func (k *Key) May(method, endpoint string) bool { return k.may.allow(method, endpoint) }

// permissions maps endpoints to methods. Empty means all.
type permissions map[string][]string

func (p permissions) allow(method, endpoint string) bool {
	return len(p) == 0 || slices.Contains(p[endpoint], method)
}

// covers tells whether whoever has p also has all of other.
func (p permissions) covers(other permissions) bool {
	if len(p) == 0 {
		return true
	}
	if len(other) == 0 {
		return false
	}
	for endpoint, methods := range other {
		for _, method := range methods {
			if !p.allow(method, endpoint) {
				return false
			}
		}
	}
	return true
}

// methods that a permission may name.
var methods = []string{"DELETE", "GET", "PATCH", "POST", "PUT"}

// Endpoint is what a permission can be given for: a path without ids, and the methods that it has.
type Endpoint struct {
	Path    string
	Methods []string
}

// isEndpoint accepts paths as permissions name them. Which of them exist is not checked: keys are often copied from
// installations that have more.
func isEndpoint(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " \t\r\n?#")
}
