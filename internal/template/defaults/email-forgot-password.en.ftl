[#-- == defaultSubject == --]
Choose a new password

[#-- == defaultTextTemplate == --]
[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],

Somebody, hopefully you, has asked for a new password for your account. To choose one, open this page:

${link}

If it was not you, ignore this message. Your password stays as it is.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="en">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
<p>Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
<p>Somebody, hopefully you, has asked for a new password for your account. To choose one, open this page:</p>
<p><a href="${link}">Choose a new password</a></p>
<p>If it was not you, ignore this message. Your password stays as it is.</p>
</body>
</html>
