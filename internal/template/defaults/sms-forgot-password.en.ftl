[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
To choose a new password, open ${baseUrl!"https://example.com"}/password/change/${changePasswordId?url("UTF-8")} or ignore this message if you did not ask for it.
