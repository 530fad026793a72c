package api

import "github.com/herald-events/herald/internal/body"

var patchKinds = map[string]body.Kind{typeJSON: body.AppendPatch, typeMergePatch: body.MergePatch, typeJSONPatch: body.JSONPatch}

// patch applies the body to current and decodes the result into dst, a pointer to a request struct. current is the request
// that would leave the object as it is: wire.WebhookRequest{Webhook: current}. What the result is allowed to be is checked
// by the domain, as for PUT.
//
// The Content-Type of the body chooses between the three kinds FusionAuth's API has:
//
//	application/json              objects are merged, null removes a member, the elements of arrays are appended
//	application/merge-patch+json  the same, but arrays replace arrays (RFC 7396)
//	application/json-patch+json   a list of operations (RFC 6902)
//
// It waits for nothing, so it may be called inside a transaction.
func (c *call) patch(current, dst any) error {
	if err := c.needsBody(); err != nil {
		return err
	}
	kind, err := c.contentType(typeJSON, typeMergePatch, typeJSONPatch)
	if err != nil {
		return err
	}
	return body.Patch(patchKinds[kind], current, c.body, dst, c.s.BodyLimit)
}
