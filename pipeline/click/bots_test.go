package click

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

var rules = program.BotRules{
	Networks: []program.BotNetwork{
		{Name: "load-test", CIDR: "198.51.100.0/24"},
		{Name: "one", CIDR: "198.51.100.7/32"},
		{Name: "six", CIDR: "2001:db8::/32"},
		{Name: "wide", CIDR: "198.51.0.0/16"},
	},
	UserAgents: []program.BotAgent{{Name: "uptime-checker", Contains: "PingBot"}},
}

const (
	chrome  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	google  = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	pingBot = "Mozilla/5.0 PingBot/3 Googlebot/2.1"
)

func bots(t testing.TB) *Bots {
	b, err := NewBots(rules)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMatch_networks_then_agents_then_crawlers(t *testing.T) {
	b := bots(t)
	for _, c := range []struct{ name, ip, agent, want string }{
		{"a person", "203.0.113.9", chrome, ""},
		{"nobody", "", "", ""},
		{"first network of several", "198.51.100.7", chrome, "load-test"},
		{"the wider one", "198.51.7.7", chrome, "wide"},
		{"IPv4 written as IPv6", "::ffff:198.51.100.9", chrome, "load-test"},
		{"IPv6", "2001:db8:1::1", chrome, "six"},
		{"IPv6 with a zone", "2001:db8:1::1%eth0", chrome, "six"},
		{"not an ip", "198.51.100", chrome, ""},
		{"network before agent", "198.51.100.1", google, "load-test"},
		{"network without agent", "198.51.100.1", "", "load-test"},
		{"configured agent before crawler", "203.0.113.9", pingBot, "uptime-checker"},
		{"case matters", "203.0.113.9", "pingbot", ""},
		{"crawler", "203.0.113.9", google, "Googlebot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := b.Match(c.ip, c.agent); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNewBots_names_a_network_that_is_none(t *testing.T) {
	_, err := NewBots(program.BotRules{Networks: []program.BotNetwork{{Name: "odd", CIDR: "300.1.1.1/8"}}})
	if err == nil || !strings.Contains(err.Error(), "odd") {
		t.Errorf("got %v", err)
	}
}

func TestAgent_common_crawlers_are_bots(t *testing.T) {
	b := bots(t)
	for _, agent := range []string{
		google, "Googlebot", "Googlebot-Image/1.0", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "Twitterbot/1.0", "Slackbot-LinkExpanding 1.0",
		"LinkedInBot/1.0 (compatible; Mozilla/5.0)", "Mozilla/5.0 (compatible; YandexBot/3.0)", "Mozilla/5.0 (compatible; SemrushBot/7~bl)",
		"Mozilla/5.0 (compatible; MJ12bot/v1.4.8)", "WhatsApp/2.19.81 A", "Discordbot/2.0", "Applebot/0.1", "DuckDuckBot/1.0", "GPTBot/1.2",
		"curl/8.5.0", "Wget/1.21", "python-requests/2.31.0", "Go-http-client/1.1",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
	} {
		if b.Agent(agent) == "" {
			t.Errorf("not a bot: %s", agent)
		}
	}
}

func TestAgent_browsers_are_no_bots(t *testing.T) {
	b := bots(t)
	for _, agent := range []string{
		chrome,
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36 OPR/102.0.0.0",
		"Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 300.0.0.29",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/430.0.0]",
		"Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/108.4.6 like Chrome/108 Safari/537.36",
		"Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)",
		"a", "abc", "",
	} {
		if rule := b.Agent(agent); rule != "" {
			t.Errorf("%s for %s", rule, agent)
		}
	}
}

func TestPatterns_find_what_a_plain_search_finds(t *testing.T) {
	p := crawlers()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(p.texts), rapid.StringN(0, 6, 12)), 0, 4).Draw(t, "parts"), "")
		want := ""
		for i, s := range p.texts {
			if !p.anchored[i] && strings.Contains(text, s) || strings.HasPrefix(text, s) {
				want = p.names[i]
				break
			}
		}
		if got := p.find(text); got != want {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
	})
}

func TestAgentCache_answers_as_its_bots(t *testing.T) {
	b := bots(t)
	cache := NewAgentCache(b)
	rapid.Check(t, func(t *rapid.T) {
		agent := rapid.OneOf(rapid.SampledFrom([]string{"", chrome, google, pingBot, strings.Repeat("x", 600)}), rapid.String()).Draw(t, "agent")
		ip := rapid.SampledFrom([]string{"", "198.51.100.1", "203.0.113.9", "?"}).Draw(t, "ip")
		if got, want := cache.Match(ip, agent), b.Match(ip, agent); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func BenchmarkBots(b *testing.B) {
	m := bots(b)
	for b.Loop() {
		m.Match("203.0.113.9", chrome)
	}
}

func BenchmarkAgentCache(b *testing.B) {
	m := NewAgentCache(bots(b))
	b.ReportAllocs()
	for b.Loop() {
		m.Match("203.0.113.9", chrome)
	}
}
