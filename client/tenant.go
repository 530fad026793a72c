package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/herald-events/herald/wire"
)

// Tenants are whose events there are, and what becomes of them.
type Tenants struct{ c *Client }

const tenant = "/api/tenant"

// List returns all tenants that the key may see.
func (t Tenants) List(ctx context.Context) iter.Seq2[wire.Tenant, error] {
	return whole(ctx, func(ctx context.Context) ([]wire.Tenant, error) {
		answer, err := get[wire.TenantsResponse](ctx, t.c, tenant)
		return answer.Tenants, err
	})
}

// Load returns one tenant.
func (t Tenants) Load(ctx context.Context, id wire.ID) (*wire.Tenant, error) {
	answer, err := get[wire.TenantResponse](ctx, t.c, at(tenant, id))
	return answer.Tenant, err
}

// Create makes a tenant.
func (t Tenants) Create(ctx context.Context, id wire.ID, request wire.TenantRequest) (*wire.Tenant, error) {
	answer, err := send[wire.TenantResponse](ctx, t.c, http.MethodPost, at(tenant, id), request)
	return answer.Tenant, err
}

// Replace changes all of a tenant.
func (t Tenants) Replace(ctx context.Context, id wire.ID, request wire.TenantRequest) (*wire.Tenant, error) {
	answer, err := send[wire.TenantResponse](ctx, t.c, http.MethodPut, at(tenant, id), request)
	return answer.Tenant, err
}

// Patch changes the members of a tenant that changes names.
func (t Tenants) Patch(ctx context.Context, id wire.ID, changes any) (*wire.Tenant, error) {
	answer, err := send[wire.TenantResponse](ctx, t.c, http.MethodPatch, at(tenant, id), patch{map[string]any{"tenant": changes}})
	return answer.Tenant, err
}

// SetEvent says what becomes of the events of a type.
func (t Tenants) SetEvent(ctx context.Context, id wire.ID, eventType string, setting wire.EventSetting) (*wire.Tenant, error) {
	return t.Patch(ctx, id, map[string]any{"eventConfiguration": map[string]any{"events": map[string]any{eventType: setting}}})
}

// Delete removes a tenant with everything that belongs to it.
func (t Tenants) Delete(ctx context.Context, id wire.ID) error {
	return t.c.call(ctx, http.MethodDelete, at(tenant, id), nil, nil, false)
}

// Users are those of the directory.
type Users struct{ c *Client }

const user = "/api/user"

// List returns all users that match.
func (u Users) List(ctx context.Context, search wire.UserSearch) iter.Seq2[wire.User, error] {
	return func(yield func(wire.User, error) bool) {
		if search.NumberOfResults == 0 {
			search.NumberOfResults = pageSize
		}
		for {
			answer, err := u.Page(ctx, search)
			if err != nil {
				yield(wire.User{}, err)
				return
			}
			for _, found := range answer.Users {
				if !yield(found, nil) {
					return
				}
			}
			if search.NextResults = answer.NextResults; search.NextResults == "" || len(answer.Users) == 0 {
				return
			}
		}
	}
}

// Page returns one page of those that match.
func (u Users) Page(ctx context.Context, search wire.UserSearch) (wire.UserSearchResponse, error) {
	return find[wire.UserSearchResponse](ctx, u.c, user+"/search", search)
}

// Load returns one user.
func (u Users) Load(ctx context.Context, id wire.ID) (*wire.User, error) {
	answer, err := get[wire.UserResponse](ctx, u.c, at(user, id))
	return answer.User, err
}

// ByLoginID returns the user with that e-mail address, number or user name.
func (u Users) ByLoginID(ctx context.Context, loginID string) (*wire.User, error) {
	answer, err := get[wire.UserResponse](ctx, u.c, user+"?"+url.Values{"loginId": {loginID}}.Encode())
	return answer.User, err
}

// Create makes a user. [ErrRefused] means that webhooks did not agree.
func (u Users) Create(ctx context.Context, id wire.ID, request wire.UserRequest) (wire.UserResponse, error) {
	return send[wire.UserResponse](ctx, u.c, http.MethodPost, at(user, id), request)
}

// Patch changes the members of a user that changes names.
func (u Users) Patch(ctx context.Context, id wire.ID, changes any) (*wire.User, error) {
	answer, err := send[wire.UserResponse](ctx, u.c, http.MethodPatch, at(user, id), patch{map[string]any{"user": changes}})
	return answer.User, err
}

// Delete deactivates a user, or removes one for good with hard.
func (u Users) Delete(ctx context.Context, id wire.ID, hard bool) error {
	path := at(user, id)
	if hard {
		path += "?hardDelete=true"
	}
	return u.c.call(ctx, http.MethodDelete, path, nil, nil, false)
}

// Login lets a user in. Its answer says what else is needed, such as a second factor.
func (u Users) Login(ctx context.Context, request wire.LoginRequest) (wire.LoginResponse, error) {
	return send[wire.LoginResponse](ctx, u.c, http.MethodPost, "/api/login", request)
}
