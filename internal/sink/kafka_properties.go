package sink

import "strings"

// isSecretProperty tells whether the value of one of Kafka's properties is secret.
func isSecretProperty(name string) bool {
	name = strings.ToLower(name)
	return name == "sasl.jaas.config" || name == "ssl.keystore.key" || strings.Contains(name, "password") || strings.Contains(name, "secret")
}

func jaasLogin(string) (string, string, bool) { return "", "", false }
