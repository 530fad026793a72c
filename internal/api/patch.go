package api

import (
	"fmt"
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/problem"
)

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
	change, err := parse(c.body)
	if err != nil {
		return err
	}
	text, err := encodeJSON(current)
	if err != nil {
		return err
	}
	before, err := parse(text)
	if err != nil { // not the caller's fault, so not a problem but an internal error
		return fmt.Errorf("parse the object to patch: %s", err.Error())
	}
	after, err := applyPatch(kind, before, change, c.s.BodyLimit)
	if err != nil {
		return err
	}
	return decodeJSON(after.append(nil), dst)
}

// applyPatch returns what a patch of one of the three kinds makes of a document. limit is for applyOperations.
func applyPatch(kind string, document, patch *node, limit int64) (*node, error) {
	if kind == typeJSONPatch {
		return applyOperations(document, patch, limit)
	}
	if _, ok := patch.value.(object); !ok {
		return nil, problem.New(problem.Invalid, "[invalidJSON]", "The body must be a JSON object.")
	}
	return merge(document, patch, kind == typeJSON), nil
}

// merge is the algorithm of RFC 7396 section 2, on trees that it does not change.
func merge(target, change *node, appendArrays bool) *node {
	switch value := change.value.(type) {
	case object:
		merged := object{}
		if target != nil {
			if old, ok := target.value.(object); ok {
				merged = maps.Clone(old)
			}
		}
		for name, member := range value {
			if member.value == nil {
				delete(merged, name)
				continue
			}
			merged[name] = merge(merged[name], member, appendArrays)
		}
		return &node{value: merged}
	case []*node:
		if target != nil && appendArrays {
			if old, ok := target.value.([]*node); ok {
				return &node{value: slices.Concat(old, value)}
			}
		}
	}
	return change
}
