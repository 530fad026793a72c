package api

import (
	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/wire"
)

func (s *server) keyRoutes() []route {
	const permission = "/api/api-key"
	return []route{
		{"POST", "/api/api-key", permission, keyManager, s.createKey},
		{"POST", "/api/api-key/{keyId}", permission, keyManager, s.createKey},
		{"GET", "/api/api-key", permission, keyManager, s.listKeys},
		{"GET", "/api/api-key/{keyId}", permission, keyManager, s.loadKey},
		{"PUT", "/api/api-key/{keyId}", permission, keyManager, s.replaceKey},
		{"PATCH", "/api/api-key/{keyId}", permission, keyManager, s.patchKey},
		{"DELETE", "/api/api-key/{keyId}", permission, keyManager, s.deleteKey},
	}
}

func (s *server) createKey(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	var request wire.APIKeyRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.SourceKeyID != "" {
		return keyResponse(s.Keys.Copy(c.ctx(), c.key, request.SourceKeyID, id, request.APIKey))
	}
	return keyResponse(s.Keys.Create(c.ctx(), c.key, id, request.APIKey, access.CreateOptions{}))
}

// listKeys shows those that the caller may manage, without their texts. The call is ours.
func (s *server) listKeys(c *call) (any, error) {
	all, err := s.Keys.List(c.ctx(), c.key)
	return wire.APIKeysResponse{APIKeys: all}, err
}

func (s *server) loadKey(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	return keyResponse(s.Keys.Load(c.ctx(), c.key, id))
}

func (s *server) replaceKey(c *call) (any, error) {
	return s.changeKey(c, func(wire.APIKey) (wire.APIKey, error) {
		var request wire.APIKeyRequest
		err := c.decode(&request)
		return request.APIKey, err
	})
}

func (s *server) patchKey(c *call) (any, error) {
	return s.changeKey(c, func(current wire.APIKey) (wire.APIKey, error) {
		var request wire.APIKeyRequest
		err := c.patch(wire.APIKeyRequest{APIKey: current}, &request)
		return request.APIKey, err
	})
}

func (s *server) changeKey(c *call, change func(wire.APIKey) (wire.APIKey, error)) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	return keyResponse(s.Keys.Update(c.ctx(), c.key, id, change))
}

func (s *server) deleteKey(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	return nil, s.Keys.Delete(c.ctx(), c.key, id)
}

func keyResponse(key wire.APIKey, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return wire.APIKeyResponse{APIKey: &key}, nil
}
