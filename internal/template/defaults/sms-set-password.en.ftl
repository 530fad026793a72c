[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
An account has been made for you. To set up its password, open ${baseUrl!"https://example.com"}/password/change/${changePasswordId?url("UTF-8")} or ignore this message if you did not expect it.
