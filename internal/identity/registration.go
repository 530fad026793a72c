package identity

import (
	"cmp"
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// registration is one as stored: what may be shown, and around it what may not. It has a version of its own: whoever changes the user
// meanwhile is not in its way.
type registration struct {
	wire.Registration           // with roles by their names, and the authentication token in clear
	user              wire.ID   // whose it is
	roles             []wire.ID // of the application
	version           int64
}

// Registered is what a registration has led to.
type Registered struct {
	User         *User // with the registration
	Registration wire.Registration
	// Verification completes the verification of the registration. The zero value when there is nothing to verify.
	Verification wire.VerificationID
}

// Register registers an existing user for an application.
//
// Errors: problem.Invalid with everything that is wrong with the request; problem.ErrNotFound when the user is gone meanwhile;
// publish.ErrRefused. Events: user.registration.create, user.registration.create.complete.
func (s *Service) Register(ctx context.Context, u *User, req wire.RegistrationRequest, info *wire.EventInfo) (Registered, error) {
	g := &registering{s: s}
	err := s.events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			var v problem.Validation
			if err := cmp.Or(g.read(tx, &v, u.TenantID, req), v.Err()); err != nil {
				return err
			}
			return g.prepare(tx, plan, u)
		},
		Commit: g.commit,
	})
	if err != nil {
		return Registered{}, err
	}
	return g.done(ctx, u), nil
}

// CreateRegistered makes a user of a tenant, under id or under a new one if that is empty, and registers it, in one operation: both or
// nothing.
//
// Errors: as of [Service.Create] and [Service.Register]. Events: user.create, user.registration.create, then the `.complete` twins of both; when
// a login id belongs to others, user.loginId.duplicate.create, once per owner.
func (s *Service) CreateRegistered(ctx context.Context, tenant, id wire.ID, req wire.RegistrationRequest, info *wire.EventInfo) (Registered, error) {
	var v problem.Validation
	c, err := s.newCreation(ctx, &v, tenant, id, userRequest(req))
	if err != nil {
		return Registered{}, err
	}
	g := &registering{s: s}
	err = s.db.View(ctx, func(tx *db.Tx) error { return g.read(tx, &v, tenant, req) })
	if err := cmp.Or(err, v.Err()); err != nil {
		return Registered{}, err
	}
	if err := c.hash(ctx); err != nil {
		return Registered{}, err
	}
	err = s.events.Do(ctx, publish.Operation{
		Tenant: tenant,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			if err := c.prepare(tx, plan); err != nil {
				return err
			}
			if err := g.prepare(tx, plan, c.user); err != nil {
				return err
			}
			c.proved.publish(plan, c.user)
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if err := c.commit(tx); err != nil {
				return err
			}
			return g.commit(tx)
		},
	})
	if err != nil {
		return Registered{}, s.refused(ctx, err, event.UserLoginIDDuplicateCreate, info)
	}
	done := g.done(ctx, c.user)
	c.asking.tell(ctx) // last, as the registration may have languages of its own
	return done, nil
}

// userRequest is the part of req that creates the user.
func userRequest(req wire.RegistrationRequest) wire.UserRequest {
	r := wire.UserRequest{
		ApplicationID: req.Registration.ApplicationID, DisableDomainBlock: req.DisableDomainBlock, SendSetPasswordEmail: req.SendSetPasswordEmail,
		SendSetPasswordIdentityType: req.SendSetPasswordIdentityType, SkipVerification: req.SkipVerification, VerificationIDs: req.VerificationIDs,
	}
	if req.User != nil {
		r.User = *req.User
	}
	return r
}

// registering is a new registration on the way through an operation.
type registering struct {
	s  *Service
	in registration // as the request has it
	r  registration // as it will be

	user   *User
	asking *asking
}

// read takes the registration from the request and adds to v what is wrong with it.
func (g *registering) read(tx *db.Tx, v *problem.Validation, tenant wire.ID, req wire.RegistrationRequest) error {
	all, err := g.s.applications.RegistryIn(tx)
	if err != nil {
		return err
	}
	a := applicationOf(v, "registration.applicationId", all, tenant, req.Registration.ApplicationID)
	if a == nil {
		return nil
	}
	g.in = readRegistration(v, "registration", req.Registration, a)
	if len(req.Registration.Roles) == 0 {
		g.in.setRoles(defaultRoles(a))
	}
	g.in.Verified = !a.VerifyRegistration || req.SkipRegistrationVerification
	if req.GenerateAuthenticationToken {
		v.Check(a.AuthenticationTokens, "generateAuthenticationToken", "disabled", noTokens)
		g.in.AuthenticationToken = ticket.NewID()
	}
	return nil
}

func (g *registering) prepare(tx *db.Tx, plan *publish.Plan, u *User) error {
	g.r, g.user = g.in, u
	g.r.ID, g.r.user, g.r.version = wire.ID(db.NewID()), u.ID, 1
	g.r.InsertInstant, g.r.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())

	var v problem.Validation
	v.Field("registration", "duplicate", "The user is registered for the application %s already.", g.r.ApplicationID)
	err := plan.Claim(tx, "registration/"+string(u.ID)+"/"+string(g.r.ApplicationID), v.Err(), func() (bool, error) {
		return registrationExists(tx, u.ID, g.r.ApplicationID)
	})
	if err != nil {
		return err
	}
	plan.Publish(&event.UserRegistrationEvent{
		Header: event.About(event.UserRegistrationCreate, u.ID), ApplicationID: g.r.ApplicationID, Registration: g.r.Registration, User: u.User,
	})
	return nil
}

func (g *registering) commit(tx *db.Tx) error {
	if err := g.s.insertRegistration(tx, &g.r); err != nil || g.r.Verified {
		return err
	}
	g.asking = g.s.Verifications.begin(g.user, nil, g.r.ApplicationID) // with the tenant's settings of this moment
	return g.asking.registration(tx, g.r.Registration)
}

// done is what follows the commit.
func (g *registering) done(ctx context.Context, u *User) Registered {
	u.Registrations = append(slices.Clone(u.Registrations), g.r.Registration)
	done := Registered{User: u, Registration: g.r.Registration}
	if g.asking != nil && g.asking.registered != nil {
		done.Verification = g.asking.registered.shown()
		g.asking.tell(ctx)
	}
	return done
}

// Registration returns the registration of a user for an application, or problem.ErrNotFound.
func (u *User) Registration(application wire.ID) (wire.Registration, error) {
	for _, r := range u.Registrations {
		if r.ApplicationID == application {
			return r, nil
		}
	}
	return wire.Registration{}, problem.ErrNotFound
}

// UpdateRegistration replaces what a caller may set of the registration of a user by what change makes of it. change gets the registration as
// it is, may run more than once, and may fail.
//
// Errors: those of change; problem.ErrNotFound when there is no such registration; problem.Invalid with everything that is wrong with the
// request; problem.Stale; publish.ErrRefused. Events: user.registration.update, user.registration.update.complete.
func (s *Service) UpdateRegistration(ctx context.Context, u *User, application wire.ID, info *wire.EventInfo,
	change func(current wire.Registration) (wire.RegistrationRequest, error),
) (wire.Registration, error) {
	var original, r registration
	err := s.events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if original, err = s.loadRegistration(tx, u.ID, application); err != nil {
				return err
			}
			req, err := change(original.Registration)
			if err != nil {
				return err
			}
			all, err := s.applications.RegistryIn(tx)
			if err != nil {
				return err
			}
			a := all.Find(application)
			if a == nil { // is being deleted
				return problem.ErrNotFound
			}
			if r, err = updatedRegistration(original, req, a); err != nil {
				return err
			}
			r.LastUpdateInstant = wire.Instant(tx.NowMillis())
			plan.Publish(&event.UserRegistrationUpdateEvent{
				Header: event.About(event.UserRegistrationUpdate, u.ID), ApplicationID: application,
				Original: original.Registration, Registration: r.Registration, User: u.User,
			})
			return nil
		},
		Commit: func(tx *db.Tx) error { return s.updateRegistration(tx, original, &r) },
	})
	return r.Registration, err
}

// updatedRegistration builds the registration that a request makes of original. What only the server sets stays.
func updatedRegistration(original registration, req wire.RegistrationRequest, a *application.Application) (r registration, err error) {
	given := req.Registration
	if given.AuthenticationToken == original.AuthenticationToken { // one that is there may stay, whatever the application allows by now
		given.AuthenticationToken = ""
	}
	var v problem.Validation
	r = readRegistration(&v, "registration", given, a)
	r.AuthenticationToken = req.Registration.AuthenticationToken
	if req.GenerateAuthenticationToken {
		v.Check(a.AuthenticationTokens, "generateAuthenticationToken", "disabled", noTokens)
		r.AuthenticationToken = ticket.NewID()
	}
	r.ID, r.user, r.version = original.ID, original.user, original.version
	r.Verified, r.VerifiedInstant = original.Verified, original.VerifiedInstant
	r.InsertInstant, r.LastLoginInstant = original.InsertInstant, original.LastLoginInstant
	return r, v.Err()
}

// Unregister ends the registration of a user for an application.
//
// Errors: problem.ErrNotFound when there is none; problem.Stale; publish.ErrRefused. Events: user.registration.delete,
// user.registration.delete.complete.
func (s *Service) Unregister(ctx context.Context, u *User, application wire.ID, info *wire.EventInfo) error {
	var r registration
	return s.events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if r, err = s.loadRegistration(tx, u.ID, application); err != nil {
				return err
			}
			plan.Publish(&event.UserRegistrationEvent{
				Header: event.About(event.UserRegistrationDelete, u.ID), ApplicationID: application, Registration: r.Registration, User: u.User,
			})
			return nil
		},
		Commit: func(tx *db.Tx) error { return deleteRegistration(tx, r) },
	})
}

const noTokens = "The application has no authentication tokens (authenticationTokenConfiguration)."

// applicationOf returns the application of a tenant that a request names; nil, and what is wrong with that, if there is none.
func applicationOf(v *problem.Validation, path string, all *application.Registry, tenant, id wire.ID) *application.Application {
	if id == "" {
		v.Field(path, "missing", "Say for which application.")
		return nil
	}
	a := all.In(tenant, id)
	v.Check(a != nil, path, "invalid", "There is no application with the id %s in the tenant of the user.", id)
	return a
}

// readRegistration brings what a request says about a registration for an application into canonical form and adds what is wrong with it.
// Members that only the server sets are not in it.
func readRegistration(v *problem.Validation, path string, given wire.Registration, a *application.Application) registration {
	r := registration{Registration: wire.Registration{
		ApplicationID:       a.ID,
		Data:                given.Data,
		Username:            text(v, path+".username", given.Username, maxLoginID),
		UsernameStatus:      usernameStatus(v, path+".usernameStatus", given.UsernameStatus),
		AuthenticationToken: given.AuthenticationToken,
		PreferredLanguages:  languages(v, path+".preferredLanguages", given.PreferredLanguages),
		Timezone:            timezone(v, path+".timezone", given.Timezone),
		CleanSpeakID:        given.CleanSpeakID,
	}}
	if token := path + ".authenticationToken"; given.AuthenticationToken != "" {
		v.Check(a.AuthenticationTokens, token, "disabled", noTokens)
		v.Check(problem.IsText(given.AuthenticationToken) && len(given.AuthenticationToken) <= maxText, token, "invalid",
			"A token has at most %d bytes, and no control characters.", maxText)
	}
	r.setRoles(rolesNamed(v, path+".roles", given.Roles, a))
	return r
}

// rolesNamed returns the roles of an application with these names, each once, and adds the names that are none.
func rolesNamed(v *problem.Validation, path string, names []string, a *application.Application) (roles []wire.ApplicationRole) {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		i := slices.IndexFunc(a.Roles, func(r wire.ApplicationRole) bool { return r.Name == name })
		if i < 0 {
			v.Field(path, "invalid", "The application has no role %.64q.", name)
			continue
		}
		roles = append(roles, a.Roles[i])
	}
	return roles
}

func defaultRoles(a *application.Application) []wire.ApplicationRole {
	return slices.DeleteFunc(slices.Clone(a.Roles), func(r wire.ApplicationRole) bool { return !r.IsDefault })
}

// setRoles sets the roles by id and, in alphabetical order, by name.
func (r *registration) setRoles(roles []wire.ApplicationRole) {
	r.roles, r.Roles = nil, nil
	for _, role := range roles {
		r.roles, r.Roles = append(r.roles, role.ID), append(r.Roles, role.Name)
	}
	slices.Sort(r.Roles)
}
