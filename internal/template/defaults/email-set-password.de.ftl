[#-- == defaultSubject == --]
Passwort festlegen

[#-- == defaultTextTemplate == --]
[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],

Für Sie wurde ein Konto angelegt. Auf dieser Seite legen Sie das Passwort fest:

${link}

Wenn Sie das nicht erwartet haben, ignorieren Sie diese Nachricht.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="de">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
[#-- Der Link führt zu Ihrer eigenen Seite. Wo baseUrl nicht bekannt ist, steht hier die Adresse Ihres Servers. --]
[#assign link = (baseUrl!"https://example.com") + "/password/change/" + changePasswordId?url("UTF-8") /]
<p>Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
<p>Für Sie wurde ein Konto angelegt. Auf dieser Seite legen Sie das Passwort fest:</p>
<p><a href="${link}">Passwort festlegen</a></p>
<p>Wenn Sie das nicht erwartet haben, ignorieren Sie diese Nachricht.</p>
</body>
</html>
