Your verification code is ${code}. Do not share it with anybody.
