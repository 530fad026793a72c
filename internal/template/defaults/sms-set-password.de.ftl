[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
Für Sie wurde ein Konto angelegt. Das Passwort legen Sie unter ${baseUrl!"https://example.com"}/password/change/${changePasswordId?url("UTF-8")} fest. Wenn Sie das nicht erwartet haben, ignorieren Sie diese Nachricht.
