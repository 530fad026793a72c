function populate(jwt, user, registration) {
  jwt.groups = (user.memberships || []).map(m => `group ${m.groupId}`);
}
