[#-- == defaultSubject == --]
Confirm your registration[#if (application.name)?has_content] for ${application.name}[/#if]

[#-- == defaultTextTemplate == --]
Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],

[#if verificationOneTimeCode?has_content]
To confirm your registration, enter this code:

${verificationOneTimeCode}
[#else]
[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#assign link = (baseUrl!"https://example.com") + "/registration/verify/" + verificationId?url("UTF-8") /]
To confirm your registration, open this page:

${link}
[/#if]

If you did not register, ignore this message.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="en">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
<p>Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
[#if verificationOneTimeCode?has_content]
<p>To confirm your registration, enter this code:</p>
<p style="font-size: 28px; letter-spacing: 4px"><strong>${verificationOneTimeCode}</strong></p>
[#else]
[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#assign link = (baseUrl!"https://example.com") + "/registration/verify/" + verificationId?url("UTF-8") /]
<p>To confirm your registration, open this page:</p>
<p><a href="${link}">Confirm the registration</a></p>
[/#if]
<p>If you did not register, ignore this message.</p>
</body>
</html>
