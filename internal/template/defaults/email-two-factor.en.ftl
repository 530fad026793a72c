[#-- == defaultSubject == --]
Your verification code

[#-- == defaultTextTemplate == --]
Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],

Your verification code is ${code}.

Do not share it with anybody. If you are not trying to log in, somebody may know your password: please change it.

[#-- == defaultHtmlTemplate == --]
<!DOCTYPE html>
<html lang="en">
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; color: #222; max-width: 36em; margin: 0 auto; padding: 1em">
<p>Hello[#if (user.firstName)?has_content] ${user.firstName}[/#if],</p>
<p>Your verification code is</p>
<p style="font-size: 28px; letter-spacing: 4px"><strong>${code}</strong></p>
<p>Do not share it with anybody. If you are not trying to log in, somebody may know your password: please change it.</p>
</body>
</html>
