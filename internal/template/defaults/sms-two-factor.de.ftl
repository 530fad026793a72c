Ihr Bestätigungscode ist ${code}. Geben Sie ihn niemandem weiter.
