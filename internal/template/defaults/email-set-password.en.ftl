[#-- == defaultSubject == --]
Set up your password

[#-- == defaultTextTemplate == --]
[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],

An account has been made for you. To set up its password, open this page:

${link}

If you did not expect this, ignore this message.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="en">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
[#-- The link leads to your own page. Where baseUrl is not known, write the address of your server here. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
<p>Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
<p>An account has been made for you. To set up its password, open this page:</p>
<p><a href="${link}">Set up your password</a></p>
<p>If you did not expect this, ignore this message.</p>
</body>
</html>
