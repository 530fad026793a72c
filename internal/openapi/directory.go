package openapi

import (
	"net/http"

	"github.com/herald-events/herald/wire"
)

var reactivate = may("reactivate", false, "Brings back what was deactivated. Then no body is needed.")

// hardDelete is of deletions that deactivate unless told otherwise.
var hardDelete = may("hardDelete", false, "Deletes for good. Otherwise it is deactivated.")

var tenants = group{
	"Tenants", "Separate worlds of users, groups and applications, each with its own settings: which events are sent, and how many webhooks must agree.",
	[][]operation{
		on("POST /api/tenant[/{tenantId}]", "Create a tenant", takes(wire.TenantRequest{}), gives(wire.TenantResponse{})),
		on("GET /api/tenant", "List tenants", gives(wire.TenantsResponse{})),
		on("GET /api/tenant/{tenantId}", "Read a tenant", gives(wire.TenantResponse{})),
		on("PUT /api/tenant/{tenantId}", "Replace a tenant", takes(wire.TenantRequest{}), gives(wire.TenantResponse{}), votes),
		on("PATCH /api/tenant/{tenantId}", "Change a tenant", takes(wire.TenantRequest{}), gives(wire.TenantResponse{}), votes,
			example(`{"tenant": {"eventConfiguration": {"events": {"user.create": {"enabled": true, "transactionType": "SuperMajority"}, "user.create.complete": {"enabled": true}, "custom.order.paid": {"enabled": true}, "custom.order.sent": {"enabled": true}}}}}`)),
		on("DELETE /api/tenant/{tenantId}", "Delete a tenant with all that is in it", mayTake(wire.TenantDeleteRequest{}), may("async", false, "Answers 202 at once and deletes later."),
			answers(http.StatusOK, "Done. The answer has no body.", nil), answers(http.StatusAccepted, "The tenant is deleted later.", nil)),
		search("/api/tenant/search", "Find tenants", wire.TenantSearch{}, wire.TenantSearchRequest{}, wire.TenantSearchResponse{}),
		on("GET /api/tenant/password-validation-rules[/{tenantId}]", "Read what a password must look like", gives(PasswordRules{}), tenant),
	},
}

// PasswordRules say what a password must look like.
type PasswordRules struct {
	PasswordValidationRules wire.Object `json:"passwordValidationRules"`
}

var applications = group{
	"Applications", "What users register for and log in to, and the roles they can have there.",
	[][]operation{
		on("POST /api/application[/{applicationId}]", "Create an application", takes(wire.ApplicationRequest{}), gives(wire.ApplicationResponse{}), votes,
			example(`{"application": {"name": "Shop", "roles": [{"name": "buyer", "isDefault": true}, {"name": "clerk"}]}}`)),
		on("GET /api/application", "List applications", may("inactive", false, "Lists those that are deactivated instead."), gives(wire.ApplicationsResponse{})),
		on("GET /api/application/{applicationId}", "Read an application", gives(wire.ApplicationResponse{})),
		on("GET /api/application/{applicationId}/oauth-configuration", "Read what an OAuth client needs to know", gives(wire.ApplicationOAuthResponse{})),
		on("PUT /api/application/{applicationId}", "Replace an application", mayTake(wire.ApplicationRequest{}), reactivate, gives(wire.ApplicationResponse{}), votes),
		on("PATCH /api/application/{applicationId}", "Change an application", takes(wire.ApplicationRequest{}), gives(wire.ApplicationResponse{}), votes),
		on("DELETE /api/application/{applicationId}", "Deactivate or delete an application", mayTake(wire.ApplicationDeleteRequest{}), hardDelete, votes),
		search("/api/application/search", "Find applications", wire.ApplicationSearch{}, wire.ApplicationSearchRequest{}, wire.ApplicationSearchResponse{}),
		on("POST /api/application/{applicationId}/role[/{roleId}]", "Add a role", takes(wire.ApplicationRequest{}), gives(wire.ApplicationResponse{}), votes),
		on("PUT /api/application/{applicationId}/role/{roleId}", "Replace a role", takes(wire.ApplicationRequest{}), gives(wire.ApplicationResponse{}), votes),
		on("PATCH /api/application/{applicationId}/role/{roleId}", "Change a role", takes(wire.ApplicationRequest{}), gives(wire.ApplicationResponse{}), votes),
		on("DELETE /api/application/{applicationId}/role/{roleId}", "Remove a role", votes),
		on("DELETE /api/application/{applicationId}/role", "Remove a role that is named in the query", may("roleId", wire.ID(""), "Its id."), may("roleName", "", "Its name, if not its id."), votes),
	},
}

var users = group{
	"Users", "The identity directory, and with it the events about users.",
	[][]operation{
		on("POST /api/user[/{userId}]", "Create a user", takes(wire.UserRequest{}), gives(wire.UserResponse{}), votes,
			example(`{"user": {"email": "ada@example.com", "password": "correct horse battery", "firstName": "Ada", "preferredLanguages": ["en"]}}`)),
		on("GET /api/user", "Find a user by what they log in with, or by an id they were sent", gives(wire.UserResponse{}), answers(http.StatusNotFound, "There is no such user. The answer has no body.", nil),
			may("email", "", "The user's e-mail address."), may("username", "", "The user's name."), may("loginId", "", "Any of what the user logs in with."),
			may("loginIdTypes", []wire.IdentityType{}, "What kinds of it to look for."), may("changePasswordId", "", "The id of a forgotten password."), may("verificationId", "", "The id of a verification."),
			about("With the access token of a user it is that user.")),
		on("GET /api/user/{userId}", "Read a user", gives(wire.UserResponse{})),
		on("PUT /api/user/{userId}", "Replace a user", mayTake(wire.UserRequest{}), reactivate, gives(wire.UserResponse{}), votes),
		on("PATCH /api/user/{userId}", "Change a user", takes(wire.UserRequest{}), gives(wire.UserResponse{}), votes),
		on("DELETE /api/user/{userId}", "Deactivate or delete a user", mayTake(wire.UserDeleteSingleRequest{}), hardDelete, votes),
		on("POST /api/user/import", "Import up to 10,000 users with their passwords", takes(wire.UserImportRequest{}), votes),
		on("DELETE /api/user/bulk", "Deactivate or delete many users", mayTake(wire.UserDeleteRequest{}), asks(wire.UserDeleteRequest{}), may("userId", []wire.ID{}, "The same as userIds."),
			gives(wire.UserDeleteResponse{}), votes),
		search("/api/user/search", "Find users", wire.UserSearch{}, wire.UserSearchRequest{}, wire.UserSearchResponse{}),
		on("PUT /api/user/search", "Refresh the index of the search", about("There is none, so this does nothing: what is committed is found."), calm),
	},
}

var registrations = group{
	"Registrations", "Which users may use which applications, and in which roles.",
	[][]operation{
		on("POST /api/user/registration[/{userId}]", "Register a user for an application, or create both", takes(wire.RegistrationRequest{}), gives(wire.RegistrationResponse{}), votes),
		on("GET /api/user/registration/{userId}/{applicationId}", "Read a registration", gives(wire.RegistrationResponse{})),
		on("PUT /api/user/registration/{userId}[/{applicationId}]", "Replace a registration", takes(wire.RegistrationRequest{}), gives(wire.RegistrationResponse{}), votes),
		on("PATCH /api/user/registration/{userId}[/{applicationId}]", "Change a registration", takes(wire.RegistrationRequest{}), gives(wire.RegistrationResponse{}), votes),
		on("DELETE /api/user/registration/{userId}/{applicationId}", "Delete a registration", mayTake(wire.RegistrationDeleteRequest{}), votes),
	},
}

var userGroups = group{
	"Groups", "Users who belong together and have roles through it.",
	[][]operation{
		objects("/api/group/{groupId}", "a group", "groups", wire.GroupRequest{}, wire.GroupResponse{}, wire.GroupsResponse{}, votesUnlessRead, deletedWith(wire.GroupDeleteRequest{}), created(`{"group": {"name": "Editors"}}`)),
		search("/api/group/search", "Find groups", wire.GroupSearch{}, wire.GroupSearchRequest{}, wire.GroupSearchResponse{}),
		on("POST /api/group/member", "Add members", takes(wire.GroupMembersRequest{}), gives(wire.GroupMembersResponse{}), votes),
		on("PUT /api/group/member", "Replace all members", takes(wire.GroupMembersRequest{}), gives(wire.GroupMembersResponse{}), votes),
		on("DELETE /api/group/member", "Remove members", mayTake(wire.GroupMembersDeleteRequest{}), may("groupId", wire.ID(""), "The group that all members, or the user, leave."),
			may("userId", wire.ID(""), "The user who leaves the group."), notFound, votes),
		on("DELETE /api/group/member/{memberId}", "Remove a member", mayTake(wire.GroupMembersDeleteRequest{}), votes),
		search("/api/group/member/search", "Find members", wire.GroupMemberSearch{}, wire.GroupMemberSearchRequest{}, wire.GroupMemberSearchResponse{}),
	},
}

// votesUnlessRead is votes for those of several routes that change something.
func votesUnlessRead(o *operation) { o.votes = o.method != http.MethodGet }

// deletedWith says what the body of the deletion among several routes may be.
func deletedWith(of any) detail {
	return func(o *operation) {
		if o.method == http.MethodDelete {
			mayTake(of)(o)
		}
	}
}

var userActions = group{
	"User actions", "What can be done to users, such as a ban or a warning, why, and what was done.",
	[][]operation{
		on("POST /api/user-action[/{userActionId}]", "Define an action", takes(wire.UserActionRequest{}), gives(wire.UserActionResponse{})),
		on("GET /api/user-action", "List the actions there are", may("inactive", false, "Lists those that are deactivated instead."), gives(wire.UserActionsResponse{})),
		on("GET /api/user-action/{userActionId}", "Read the definition of an action", gives(wire.UserActionResponse{})),
		on("PUT /api/user-action/{userActionId}", "Replace the definition of an action", mayTake(wire.UserActionRequest{}), reactivate, gives(wire.UserActionResponse{})),
		on("PATCH /api/user-action/{userActionId}", "Change the definition of an action", takes(wire.UserActionRequest{}), gives(wire.UserActionResponse{})),
		on("DELETE /api/user-action/{userActionId}", "Deactivate or delete an action", hardDelete),
		objects("/api/user-action-reason/{userActionReasonId}", "a reason", "reasons", wire.UserActionReasonRequest{}, wire.UserActionReasonResponse{}, wire.UserActionReasonsResponse{}),
		on("POST /api/user/action", "Take an action on a user", takes(wire.ActionRequest{}), gives(wire.ActionResponse{}), votes),
		on("GET /api/user/action", "List the actions on a user", gives(wire.ActionsResponse{}), notFound, may("userId", wire.ID(""), "The user. Required."),
			may("active", false, "Only those in force, or with false only those that have ended."), may("preventingLogin", false, "Only those that keep the user from logging in.")),
		on("GET /api/user/action/{actionId}", "Read an action that was taken", gives(wire.ActionResponse{})),
		on("PUT /api/user/action/{actionId}", "Change an action in force", takes(wire.ActionRequest{}), gives(wire.ActionResponse{}), votes),
		on("DELETE /api/user/action/{actionId}", "Cancel an action in force", mayTake(wire.ActionRequest{}), gives(wire.ActionResponse{}), votes),
	},
}

var entities = group{
	"Entities", "Things that are no users, such as devices and companies: their types, their permissions, and who may do what with them.",
	[][]operation{
		objects("/api/entity/type/{entityTypeId}", "an entity type", "entity types", wire.EntityTypeRequest{}, wire.EntityTypeResponse{}, wire.EntityTypesResponse{}),
		search("/api/entity/type/search", "Find entity types", wire.EntityTypeSearch{}, wire.EntityTypeSearchRequest{}, wire.EntityTypeSearchResponse{}),
		on("POST /api/entity/type/{entityTypeId}/permission[/{permissionId}]", "Add a permission to a type", takes(wire.EntityTypePermissionRequest{}), gives(wire.EntityTypePermissionResponse{})),
		on("PUT /api/entity/type/{entityTypeId}/permission/{permissionId}", "Replace a permission", takes(wire.EntityTypePermissionRequest{}), gives(wire.EntityTypePermissionResponse{})),
		on("PATCH /api/entity/type/{entityTypeId}/permission/{permissionId}", "Change a permission", takes(wire.EntityTypePermissionRequest{}), gives(wire.EntityTypePermissionResponse{})),
		on("DELETE /api/entity/type/{entityTypeId}/permission/{permissionId}", "Remove a permission"),
		on("POST /api/entity[/{entityId}]", "Create an entity", takes(wire.EntityRequest{}), gives(wire.EntityResponse{}), votes),
		on("GET /api/entity/{entityId}", "Read an entity", gives(wire.EntityResponse{})),
		on("PUT /api/entity/{entityId}", "Replace an entity", takes(wire.EntityRequest{}), gives(wire.EntityResponse{}), votes),
		on("PATCH /api/entity/{entityId}", "Change an entity", takes(wire.EntityRequest{}), gives(wire.EntityResponse{}), votes),
		on("DELETE /api/entity/{entityId}", "Delete an entity", mayTake(wire.EntityDeleteRequest{}), votes),
		search("/api/entity/search", "Find entities", wire.EntitySearch{}, wire.EntitySearchRequest{}, wire.EntitySearchResponse{}),
		on("PUT /api/entity/search", "Refresh the index of the search", about("There is none, so this does nothing: what is committed is found."), calm),
		on("POST /api/entity/{entityId}/{grant}", "Grant a user or another entity permissions on an entity", takes(wire.EntityGrantRequest{}), grant),
		on("PUT /api/entity/{entityId}/{grant}", "Replace a grant", takes(wire.EntityGrantRequest{}), grant),
		on("PATCH /api/entity/{entityId}/{grant}", "Change a grant", takes(wire.EntityGrantRequest{}), recipient, grant),
		on("GET /api/entity/{entityId}/{grant}", "Read the grants on an entity, or that of one recipient", recipient, grant,
			answers(http.StatusOK, "All grants on the entity, or the one that was asked for.", alternatives{wire.EntityGrantsResponse{}, wire.EntityGrantResponse{}})),
		on("DELETE /api/entity/{entityId}/{grant}", "Take a grant back", recipient, grant),
		search("/api/entity/grant/search", "Find grants", wire.EntityGrantSearch{}, wire.EntityGrantSearchRequest{}, wire.EntityGrantSearchResponse{}),
	},
}

func grant(o *operation) { about("The last segment of the path is the word grant.")(o) }

// recipient is who has a grant, in the query.
func recipient(o *operation) {
	may("userId", wire.ID(""), "The user who has the grant.")(o)
	may("recipientEntityId", wire.ID(""), "The entity that has the grant.")(o)
}
