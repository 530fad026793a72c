[#setting url_escaping_charset="UTF-8"]
Hello[#if user.firstName??] ${user.firstName}[/#if],

choose a password: https://example.com/password/${changePasswordId}?tenantId=${user.tenantId}
