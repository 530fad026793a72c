[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#if verificationOneTimeCode?has_content]Your code to confirm this number is ${verificationOneTimeCode}[#else]To confirm this number, open ${baseUrl!"https://example.com"}/phone/verify/${verificationId?url("UTF-8")} or ignore this message if you gave it to nobody.[/#if]
