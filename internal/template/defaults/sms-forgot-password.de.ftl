[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
Ein neues Passwort wählen Sie unter ${baseUrl!"https://example.com"}/password/change/${changePasswordId?url("UTF-8")} oder Sie ignorieren diese Nachricht, wenn Sie sie nicht angefordert haben.
