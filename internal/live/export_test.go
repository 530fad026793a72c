package live

// Quiet waits until nothing of the service runs.
func (s *Service) Quiet() { s.running.Wait() }
