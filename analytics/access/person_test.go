package access_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/analytics/access"
	"github.com/grapevinehq/grapevine/config"
)

func TestLogin(t *testing.T) {
	for login, who := range map[string][2]string{
		"acme__ana":                        {"acme", "ana"},
		"us-store__anna_b2":                {"us-store", "anna_b2"},
		"acme__ana_x40_acme_x2E_com":       {"acme", "ana@acme.com"},
		"acme__9":                          {"acme", "9"},
		"_x39___ana":                       {"9", "ana"},
		"a_x5F__x5F_b__c":                  {"a__b", "c"},
		"a__b_x5F__x5F_c":                  {"a", "b__c"},
		"a_x5F_x41_x5F___b":                {"a_x41_", "b"},
		"acme__O_x27__x20__x3B_DROP_x2F_u": {"acme", "O' ;DROP/u"},
		"acme___xC3__xA4_":                 {"acme", "ä"},
	} {
		if got := access.Login(who[0], who[1]); got != login {
			t.Errorf("Login(%q, %q) = %q, want %q", who[0], who[1], got, login)
		}
	}
}

// No two people have one login: it can be read back.
func TestLogin_can_be_read_back(t *testing.T) {
	id := rapid.OneOf(rapid.StringMatching(`[_x25FAa.-]{1,8}`), rapid.StringN(1, 20, 50))
	rapid.Check(t, func(t *rapid.T) {
		org, user := id.Draw(t, "org"), id.Draw(t, "user")
		login := access.Login(org, user)
		if gotOrg, gotUser := readBack(login); gotOrg != org || gotUser != user {
			t.Fatalf("%q and %q are %q, which reads %q and %q", org, user, login, gotOrg, gotUser)
		}
		if strings.Trim(login, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			t.Fatalf("%q has other characters", login)
		}
		if c := login[0]; c == '-' || c >= '0' && c <= '9' {
			t.Fatalf("%q does not begin with a letter or underscore", login)
		}
	})
}

func readBack(login string) (org, user string) {
	parts := []string{""}
	for login != "" {
		var c byte
		n := 1
		switch {
		case strings.HasPrefix(login, "_x"):
			if _, err := fmt.Sscanf(login, "_x%02X_", &c); err != nil {
				return "", login
			}
			n = len("_x00_")
		case strings.HasPrefix(login, "__"):
			parts = append(parts, "")
			login = login[2:]
			continue
		default:
			c = login[0]
		}
		parts[len(parts)-1] += string([]byte{c})
		login = login[n:]
	}
	if len(parts) != 2 {
		return "", fmt.Sprint(parts)
	}
	return parts[0], parts[1]
}

func TestPeople_are_those_of_access(t *testing.T) {
	catalog, err := config.LoadPrograms("../../programs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []access.Person{
		{Login: "acme__ana", OrgID: "acme", Programs: []string{"us-store"}},
		{Login: "acme__emma", OrgID: "acme", Programs: []string{"eu-store", "partners"}},
		{Login: "acme__olaf", OrgID: "acme"},
	}
	if got := access.People(catalog); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
