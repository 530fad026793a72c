[#-- == defaultSubject == --]
Ihr Bestätigungscode

[#-- == defaultTextTemplate == --]
Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],

Ihr Bestätigungscode ist ${code}.

Geben Sie ihn niemandem weiter. Wenn Sie sich gerade nicht anmelden, kennt vielleicht jemand Ihr Passwort: Bitte ändern Sie es.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="de">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
<p>Guten Tag[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
<p>Ihr Bestätigungscode ist</p>
<p style="font-size: 28px; letter-spacing: 4px"><strong>${code}</strong></p>
<p>Geben Sie ihn niemandem weiter. Wenn Sie sich gerade nicht anmelden, kennt vielleicht jemand Ihr Passwort: Bitte ändern Sie es.</p>
</body>
</html>
