package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// verifications are the handlers of the proofs of addresses, numbers and registrations.
type verifications struct {
	*server

	of *identity.Verifications
}

func (s *server) verificationRoutes(of *identity.Verifications) []route {
	const email, registration, verify = "/api/user/verify-email", "/api/user/verify-registration", "/api/identity/verify"
	h := verifications{s, of}
	return []route{
		{"POST", email, email, optionalKey, h.verifyEmail},
		{"POST", email + "/{verificationId}", email, optionalKey, h.verifyEmail},
		{"PUT", email, email, optionalKey, h.resendEmail},
		{"POST", registration, registration, optionalKey, h.verifyRegistration},
		{"POST", registration + "/{verificationId}", registration, optionalKey, h.verifyRegistration},
		{"PUT", registration, registration, optionalKey, h.resendRegistration},
		{"POST", verify, verify, tenantKey, h.declare},
		{"POST", verify + "/start", verify + "/start", tenantKey, h.start},
		{"POST", verify + "/send", verify + "/send", tenantKey, h.send},
		{"POST", verify + "/complete", verify + "/complete", tenantKey, h.complete},
	}
}

// switchedOff answers 403 when nothing of the kind is verified, or there is no template to do it with.
func switchedOff(err error) (any, error) {
	if errors.Is(err, identity.ErrDisabled) || errors.Is(err, identity.ErrNoTemplate) {
		return status(http.StatusForbidden), nil
	}
	if errors.Is(err, identity.ErrNoAddress) {
		return status(http.StatusUnprocessableEntity), nil
	}
	return nil, err
}

// verifyEmail is by id, or, with an API key, of a user.
func (h verifications) verifyEmail(c *call) (any, error) {
	var request wire.VerifyEmailRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	info := c.eventInfo(request.EventInfo)
	id := cmp.Or(request.VerificationID, c.r.PathValue("verificationId"))
	if id == "" && request.UserID != "" {
		if c.key == nil {
			return nil, problem.ErrUnauthenticated
		}
		u, err := h.Users.Load(c.ctx(), request.UserID)
		if err == nil {
			err = c.narrow(u.TenantID)
		}
		if err == nil {
			err = h.wants(c, u.TenantID)
		}
		if err != nil {
			return switchedOff(err)
		}
		return nil, h.of.Declare(c.ctx(), u, wire.IdentityEmail, "", info)
	}
	tenant, err := h.inReach(c, h.of.TenantOf, id)
	if err == nil {
		err = h.wants(c, tenant)
	}
	if err != nil {
		return switchedOff(err)
	}
	_, err = h.of.Complete(c.ctx(), id, request.OneTimeCode, info)
	return nil, err
}

// wants is identity.ErrDisabled when a tenant verifies no addresses.
func (h verifications) wants(c *call, tenant wire.ID) error {
	on, err := h.of.VerifiesEmail(c.ctx(), tenant)
	if err == nil && !on {
		err = identity.ErrDisabled
	}
	return err
}

// inReach returns the tenant of an id. It is problem.ErrNotFound for one of another tenant.
func (h verifications) inReach(c *call, of func(ctx context.Context, id string) (wire.ID, error), id string) (wire.ID, error) {
	if id == "" {
		return "", invalidField("verificationId", "blank", "The id is missing.")
	}
	tenant, err := of(c.ctx(), id)
	if err != nil {
		return "", err
	}
	return tenant, c.narrow(tenant)
}

// resent is the answer to whoever asks for another id. Without an API key nobody is told it.
func resent(c *call, v wire.VerificationID, err error) (any, error) {
	if err != nil {
		return switchedOff(err)
	}
	if c.key == nil {
		return nil, nil
	}
	return wire.VerifyEmailResponse{VerificationID: v.ID, OneTimeCode: v.OneTimeCode, VerificationOneTimeCode: v.OneTimeCode}, nil
}

func (h verifications) resendEmail(c *call) (any, error) {
	var request wire.ResendEmailRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	tenant, err := h.tenantOf(c, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	v, err := h.of.ResendEmail(c.ctx(), tenant, request, c.key != nil)
	return resent(c, v, err)
}

func (h verifications) verifyRegistration(c *call) (any, error) {
	var request wire.VerifyRegistrationRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	id := cmp.Or(request.VerificationID, c.r.PathValue("verificationId"))
	if _, err := h.inReach(c, h.of.TenantOfRegistration, id); err != nil {
		return nil, err
	}
	return nil, h.of.CompleteRegistration(c.ctx(), id, request.OneTimeCode, c.eventInfo(request.EventInfo))
}

func (h verifications) resendRegistration(c *call) (any, error) {
	var request wire.ResendRegistrationRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	tenant, err := h.tenantOf(c, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	v, err := h.of.ResendRegistration(c.ctx(), tenant, request, c.key != nil)
	return resent(c, v, err)
}

func (h verifications) start(c *call) (any, error) {
	var request wire.IdentityVerifyStartRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := h.tenantOf(c, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	response, err := h.of.Start(c.ctx(), tenant, request)
	if err != nil {
		return nil, err
	}
	return response, nil
}

func (h verifications) send(c *call) (any, error) {
	var request wire.IdentityVerifySendRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if _, err := h.inReach(c, h.of.TenantOf, request.VerificationID); err != nil {
		return nil, err
	}
	return switchedOff(h.of.Send(c.ctx(), request.VerificationID))
}

func (h verifications) complete(c *call) (any, error) {
	var request wire.IdentityVerifyCompleteRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if _, err := h.inReach(c, h.of.TenantOf, request.VerificationID); err != nil {
		return nil, err
	}
	state, err := h.of.Complete(c.ctx(), request.VerificationID, request.OneTimeCode, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return wire.IdentityVerifyCompleteResponse{State: state}, nil
}

// declare counts an address or a number as verified because the caller says so.
func (h verifications) declare(c *call) (any, error) {
	var request wire.IdentityVerifyRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	u, value, err := h.of.Find(c.ctx(), tenant, request.LoginID, request.LoginIDType)
	if err != nil {
		return nil, err
	}
	return nil, h.of.Declare(c.ctx(), u, request.LoginIDType, value, c.eventInfo(request.EventInfo))
}
