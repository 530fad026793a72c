package body

import (
	"fmt"
	"maps"
	"slices"
)

// Kind is how a patch says what is to change.
type Kind int

// The three kinds FusionAuth's API has.
const (
	AppendPatch Kind = iota // objects are merged, null removes a member, the elements of arrays are appended
	MergePatch              // the same, but arrays replace arrays (RFC 7396)
	JSONPatch               // a list of operations (RFC 6902)
)

// Patch applies a patch to current, and decodes the result into dst, a pointer to a request struct, with the errors of [Decode]. current is
// the request that would leave the object as it is: wire.WebhookRequest{Webhook: current}. A list of operations that cannot be applied is
// `[invalidPatch]`; limit bounds what its copies may add to the document, in values and bytes of text.
func Patch(kind Kind, current any, change []byte, dst any, limit int64) error {
	patch, err := parse(change)
	if err != nil {
		return err
	}
	text, err := Encode(current)
	if err != nil {
		return err
	}
	before, err := parse(text)
	if err != nil { // not the caller's fault, so not a problem but an internal error
		return fmt.Errorf("parse the object to patch: %s", err.Error())
	}
	after, err := apply(kind, before, patch, limit)
	if err != nil {
		return err
	}
	return Decode(after.append(nil), dst)
}

// apply returns what a patch makes of a document. limit is for applyOperations.
func apply(kind Kind, document, patch *node, limit int64) (*node, error) {
	if kind == JSONPatch {
		return applyOperations(document, patch, limit)
	}
	if err := mustBeObject(patch); err != nil {
		return nil, err
	}
	return merge(document, patch, kind == AppendPatch), nil
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
