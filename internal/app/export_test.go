package app

// Secrets are all places of the store where something is sealed.
var Secrets = secrets
