[#setting url_escaping_charset="UTF-8"]
[#-- The lines of this file stay lines. --]
<p>Hello[#if user.firstName??] ${user.firstName}[/#if],</p>
<p><a href="https://example.com/password/${changePasswordId}?tenantId=${user.tenantId}">choose a password</a></p>
