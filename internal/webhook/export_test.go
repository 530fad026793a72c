package webhook

// Remembered counts the audiences that r has in memory.
func Remembered(r *Registry) (n int) {
	r.audiences.known.Range(func(any, any) bool { n++; return true })
	return n
}

// Sign returns the signatures of a request without making it.
func Sign(t *Target, m Message) (map[string]string, error) {
	return t.sender.(*requester).signer.sign(m)
}

// Tokens are the number of JWTs in memory, and what they are thought to take in bytes.
func Tokens(s *Service) (number, size int) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return len(s.tokens.entries), s.tokens.size
}
