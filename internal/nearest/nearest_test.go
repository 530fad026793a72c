package nearest

import "testing"

func TestName(t *testing.T) {
	t.Parallel()
	known := []string{"adminEmail", "FUSIONAUTH_TENANT_ID", "id", "UUID()", "database-url", "user.create"}
	for in, want := range map[string]string{
		"adminEmial": "adminEmail", "adminemail": "adminEmail", "admin_email": "adminEmail", "FUSIONAUTH_TENANTID": "FUSIONAUTH_TENANT_ID",
		"uuid()": "UUID()", "UUID": "UUID()", "ids": "id", "di": "", "x": "", "tenant": "", "": "", "--": "",
		"databaseUrl": "database-url", "database-ulr": "database-url", "UserCreate": "user.create", "user.craete": "user.create",
	} {
		if got := Name(in, known); got != want {
			t.Errorf("%q is near %q, want %q", in, got, want)
		}
	}
}
