package openapi

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/wire"
)

// Kept is an object that Herald keeps as it was sent, for clients that expect it, and does not act on. It may have any members.
type Kept struct {
	// ID is given by the path on creation, or chosen at random.
	ID   wire.ID `json:"id,omitzero"`
	Name string  `json:"name,omitzero"`
	// InsertInstant is when the object was created. Set by the server.
	InsertInstant wire.Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant wire.Instant `json:"lastUpdateInstant,omitzero"`
}

var kept = group{
	"Kept objects", "Configuration that Herald keeps for clients that expect it, and does not act on. Each answer has the header X-Herald-Stored-Only: true.",
	keptOperations(),
}

func keptOperations() (all [][]operation) {
	for _, k := range keep.Kinds {
		all = append(all, keptObjects(k))
	}
	return append(all,
		on("POST /api/user/family[/{familyId}]", "Begin a family", takes(wire.FamilyRequest{}), gives(wire.FamilyResponse{})),
		on("GET /api/user/family", "List the families of a user", may("userId", wire.ID(""), "The user. Required."), gives(wire.FamiliesResponse{}), notFound),
		on("GET /api/user/family/{familyId}", "Read a family", gives(wire.FamilyResponse{})),
		on("PUT /api/user/family/{familyId}", "Add a member to a family, or change one", takes(wire.FamilyRequest{}), gives(wire.FamilyResponse{})),
		on("DELETE /api/user/family/{familyId}/{userId}", "Take a member out of a family"))
}

// keptObjects describes the routes of a kind.
func keptObjects(k *keep.Kind) []operation {
	one := map[string]any{k.One: Kept{}}
	request := map[string]any{k.One: Kept{}}
	if k.Copies != "" {
		request[k.Copies] = wire.ID("")
	}
	many := map[string]any{k.Many: []Kept{}}
	listing := func(o *operation) {
		if o.method != http.MethodGet || strings.HasSuffix(o.pattern, "}") {
			return
		}
		may("type", "", "Only those of this type.")(o)
		if k.Owner == keep.User {
			may("userId", wire.ID(""), "The user whose they are. Required.")(o)
			notFound(o)
		}
	}
	nouns := strings.TrimPrefix(strings.TrimPrefix(k.Noun, "an "), "a ") + "s"
	if before, after, found := strings.Cut(nouns, " of a "); found {
		nouns = before + "s of a " + strings.TrimSuffix(after, "s")
	}
	all := objects(k.Path+"/{"+k.ID+"}", k.Noun, nouns, object(request), object(one), object(many), listing)
	if k.Search != nil {
		found := map[string]any{k.Many: []Kept{}, "total": 0}
		all = append(all, search(k.Path+"/search", "Find "+nouns, wire.KeptSearch{}, wire.KeptSearchRequest{}, object(found))...)
	}
	return all
}

// object is a value of a type with these members, all of which may be absent.
func object(members map[string]any) any {
	var fields []reflect.StructField
	for name, of := range members {
		fields = append(fields, reflect.StructField{
			Name: strings.ToUpper(name[:1]) + name[1:], Type: reflect.TypeOf(of), Tag: reflect.StructTag(`json:"` + name + `,omitzero"`),
		})
	}
	return reflect.Zero(reflect.StructOf(fields)).Interface()
}

var links = group{
	"Links to identity providers", "Which accounts at identity providers are those of which users.",
	[][]operation{
		on("POST /api/identity-provider/link", "Link an account to a user", takes(wire.IdentityProviderLinkRequest{}), gives(wire.IdentityProviderLinkResponse{}), notFound, votes),
		on("GET /api/identity-provider/link", "Read a link, or all of a user", linkNamed, notFound,
			answers(http.StatusOK, "The link of the account, or all of the user.", alternatives{wire.IdentityProviderLinksResponse{}, wire.IdentityProviderLinkResponse{}})),
		on("DELETE /api/identity-provider/link", "End a link", linkNamed, gives(wire.IdentityProviderLinkResponse{}), notFound, votes),
	},
}

// linkNamed is a link in the query.
func linkNamed(o *operation) {
	may("identityProviderId", wire.ID(""), "The identity provider.")(o)
	may("identityProviderUserId", "", "The account there.")(o)
	may("userId", wire.ID(""), "The user.")(o)
}
