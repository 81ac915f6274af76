package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Wanted is what access there shall be.
type Wanted struct {
	Database  string
	People    []Person
	Limits    Limits
	Passwords map[string]string // by login
}

// minPassword is the least length of a password: its hash may be seen by who reads the
// files of the server.
const minPassword = 12

// base is the name of what is made for the whole database, and the beginning of every
// other name but those of people.
func (w Wanted) base() string { return "grapevine_" + w.Database }

// role is the name of the role of those with an audience.
func (w Wanted) role(a Audience) string {
	if a == Owners {
		return w.base() + "_owner"
	}
	return w.base() + "_analyst"
}

// roleOf is the role of a person.
func (w Wanted) roleOf(p Person) string {
	if p.Owner() {
		return w.role(Owners)
	}
	return w.role(Analysts)
}

func (w Wanted) logins() []string {
	out := make([]string, len(w.People))
	for i, p := range w.People {
		out[i] = p.Login
	}
	return out
}

// check tells which passwords are too short or of nobody, and which of those who need
// one have none.
func (w Wanted) check(needs func(login string) bool) error {
	var problems []error
	logins := w.logins()
	for _, login := range logins {
		password, ok := w.Passwords[login]
		switch {
		case !ok && needs(login):
			problems = append(problems, fmt.Errorf("%s has no password: set access.passwords or access.passwords_dir", login))
		case ok && len(password) < minPassword:
			problems = append(problems, fmt.Errorf("the password of %s has less than %d bytes", login, minPassword))
		case ok && strings.ContainsFunc(password, unicode.IsControl):
			problems = append(problems, fmt.Errorf("the password of %s has control characters", login))
		}
	}
	for login := range w.Passwords {
		if !slices.Contains(logins, login) {
			if !strings.Contains(login, "__") {
				login = "what is no login" // who mistypes the variable may have written a password there
			}
			problems = append(problems, fmt.Errorf("there is a password of %s, who has no access in the programs", login))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}
