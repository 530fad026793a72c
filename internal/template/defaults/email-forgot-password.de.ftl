[#-- == defaultSubject == --]
Neues Passwort wählen

[#-- == defaultTextTemplate == --]
[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],

Jemand, hoffentlich Sie selbst, hat ein neues Passwort für Ihr Konto angefordert. Auf dieser Seite können Sie es wählen:

${link}

Wenn Sie es nicht waren, ignorieren Sie diese Nachricht. Ihr Passwort bleibt, wie es ist.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="de">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
<p>Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
<p>Jemand, hoffentlich Sie selbst, hat ein neues Passwort für Ihr Konto angefordert. Auf dieser Seite können Sie es wählen:</p>
<p><a href="${link}">Neues Passwort wählen</a></p>
<p>Wenn Sie es nicht waren, ignorieren Sie diese Nachricht. Ihr Passwort bleibt, wie es ist.</p>
</body>
</html>
