[#-- == defaultSubject == --]
Bestätigen Sie Ihre Registrierung[#if (application.name)?has_content] für ${application.name}[/#if]

[#-- == defaultTextTemplate == --]
Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],

[#if verificationOneTimeCode?has_content]
Um Ihre Registrierung zu bestätigen, geben Sie diesen Code ein:

${verificationOneTimeCode}
[#else]
[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
[#assign link = (baseUrl!"https://example.com") + "/registration/verify/" + verificationId?url("UTF-8") /]
Um Ihre Registrierung zu bestätigen, öffnen Sie diese Seite:

${link}
[/#if]

Wenn Sie sich nicht registriert haben, ignorieren Sie diese Nachricht.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="de">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
<p>Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
[#if verificationOneTimeCode?has_content]
<p>Um Ihre Registrierung zu bestätigen, geben Sie diesen Code ein:</p>
<p style="font-size: 28px; letter-spacing: 4px"><strong>${verificationOneTimeCode}</strong></p>
[#else]
[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
[#assign link = (baseUrl!"https://example.com") + "/registration/verify/" + verificationId?url("UTF-8") /]
<p>Um Ihre Registrierung zu bestätigen, öffnen Sie diese Seite:</p>
<p><a href="${link}">Registrierung bestätigen</a></p>
[/#if]
<p>Wenn Sie sich nicht registriert haben, ignorieren Sie diese Nachricht.</p>
</body>
</html>
