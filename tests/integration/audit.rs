//! `kbsec audit`, end to end: manifests are read and not run, and what cannot be read is named.

use crate::common::Sandbox;

/// A plugin whose manifest has these permissions.
fn plugin(sandbox: &Sandbox, name: &str, permissions: &str) {
    let package = format!(r#"{{ "name": "@acme/{name}", "kb": {{ "manifest": "./dist/manifest.js" }} }}"#);
    sandbox.write(format!("plugins/{name}/package.json"), package);
    let manifest = format!(
        "import {{ combinePermissions, kbPlatformPreset }} from '@kb-labs/sdk';\n\
         import {{ PATHS }} from '@acme/shared';\n\
         throw new Error('this must not run');\n\
         export const manifest = {{\n  schema: 'kb.plugin/3',\n  id: '@acme/{name}',\n  version: '1.0.0',\n  \
         cli: {{ commands: [{{ id: 'run', handler: './run.js#default' }}] }},\n  permissions: {permissions},\n}};\n"
    );
    sandbox.write(format!("plugins/{name}/src/manifest.ts"), manifest);
    // Code of which it is not known before it runs what it reads and writes.
    let code = "export default { async execute(ctx, input) {\n\
                await ctx.runtime.fs.writeFile(input.to, await ctx.runtime.fs.readFile(input.from));\n} };\n";
    sandbox.write(format!("plugins/{name}/src/run.ts"), code);
}

fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("shared/package.json", r#"{ "name": "@acme/shared", "exports": "./dist/index.js" }"#);
    sandbox.write("shared/src/index.ts", "export const PATHS = ['docs/**', 'notes/**'] as const;\n");
    sandbox
}

#[test]
fn a_tight_plugin_is_clean() {
    let sandbox = workspace();
    plugin(&sandbox, "tight", "{ fs: { read: [...PATHS] }, quotas: { timeoutMs: 60_000, memoryMb: 256 } }");
    let run = sandbox.kbsec(["audit"]).run().code(0);
    assert!(run.stdout.contains("1 plugin"), "{}", run.stdout);
}

#[test]
fn what_is_too_wide_is_named_with_its_place_and_its_way() {
    let sandbox = workspace();
    let permissions = "combinePermissions()\n    .withFs({ mode: 'read', allow: PATHS })\n    \
                       .withFs({ mode: 'readWrite', allow: ['out/**'] })\n    \
                       .withQuotas({ timeoutMs: 1000, memoryMb: 256 })\n    .build()";
    plugin(&sandbox, "wide", permissions);
    let run = sandbox.kbsec(["audit", "-f", "json"]).run().code(1);
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2);
    for finding in findings {
        assert_eq!(finding["rule_id"], "plugin/mode-flip-widening");
        assert_eq!(finding["severity"], "high");
    }
    // The literal stands in another package.
    let run = sandbox.kbsec(["audit"]).run().code(1);
    assert!(run.stdout.contains("where       shared/src/index.ts:1:23"), "{}", run.stdout);
    assert!(run.stdout.contains("import PATHS from @acme/shared"), "{}", run.stdout);
    drop(sandbox.kbsec(["audit", "-f", "sarif"]).run().code(1).says("plugin/mode-flip-widening"));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_audited() {
    let sandbox = workspace();
    plugin(&sandbox, "tight", "{ fs: { read: [...PATHS] }, quotas: { timeoutMs: 1, memoryMb: 1 } }");
    plugin(&sandbox, "broken", "{ fs: { read: [ } }");
    sandbox.write(
        "plugins/gone/package.json",
        r#"{ "name": "gone", "kb": { "manifest": "./dist/manifest.js" } }"#,
    );
    sandbox.write(
        "plugins/out/package.json",
        r#"{ "name": "out", "kb": { "manifest": "../../../etc/passwd.js" } }"#,
    );
    sandbox.write("plugins/odd/package.json", "{ \"name\": ");
    sandbox.write("home/.kb/ignored", "");
    let run = sandbox.kbsec(["audit"]).run().code(3);
    for gap in [
        "plugins/broken/src/manifest.ts:9:",
        "plugins/gone/package.json:1:1: the manifest that it names is not",
        "plugins/out/package.json:1:1: the manifest that it names lies",
        "plugins/odd/package.json: EOF while parsing",
    ] {
        assert!(run.stdout.contains(gap), "{gap}\n{}", run.stdout);
    }
    drop(sandbox.kbsec(["audit", "nowhere"]).run().code(2).complains("nowhere is no folder"));
}

#[test]
fn who_asks_gets_an_answer_with_its_place() {
    let sandbox = workspace();
    plugin(&sandbox, "wide", "combinePermissions().with(kbPlatformPreset).build()");
    plugin(&sandbox, "tight", "{ env: { read: ['LOG_LEVEL'] } }");
    let explain = |arguments: &[&str]| sandbox.kbsec([&["audit", "explain"], arguments].concat()).run();
    let run = explain(&["@acme/wide", "--path", ".kb/marketplace.lock"]).code(1);
    assert!(run.stdout.contains("May @acme/wide write .kb/marketplace.lock?"), "{}", run.stdout);
    assert!(run.stdout.contains("plugins/wide/src/manifest.ts:9:42, by preset kbPlatform"), "{}", run.stdout);
    drop(explain(&["plugins/tight", "--env", "KB_TOKEN"]).code(0).says("nothing in env.read matches"));
    drop(explain(&["@acme/other"]).code(2).complains("there are @acme/tight, @acme/wide"));
    drop(explain(&["@acme/wide"]).code(0).says("KB_*  (every handler)"));

    let reach = |what: &str| sandbox.kbsec(["audit", "reach", what, "--json"]).run();
    let told = reach("KB_TOKEN").code(1).json();
    assert_eq!(told.as_array().unwrap().len(), 1);
    assert_eq!((&told[0]["plugin"], &told[0]["line"]), (&"@acme/wide".into(), &9.into()));
    drop(reach("OTHER_TOKEN").code(0));
}

#[test]
fn growth_between_commits_is_found() {
    let sandbox = Sandbox::repository();
    plugin(&sandbox, "report", "{ fs: { write: ['docs/**'] }, quotas: { timeoutMs: 1, memoryMb: 1 } }");
    drop(sandbox.git(["add", "-A"]));
    drop(sandbox.git(["commit", "-qm", "first"]));
    drop(sandbox.kbsec(["audit", "diff", "HEAD"]).run().code(0));
    plugin(
        &sandbox,
        "report",
        "{ fs: { write: ['docs/a/**', '**'] }, quotas: { timeoutMs: 1, memoryMb: 1 } }",
    );
    let run = sandbox.kbsec(["audit", "diff", "HEAD"]).run().code(1);
    assert!(run.stdout.contains("plugins/report/src/manifest.ts:9:45"), "{}", run.stdout);
    assert!(run.stdout.contains("`**` lets it write `/home/someone/.npmrc`"), "{}", run.stdout);
    assert!(run.stdout.contains("1 problem found"), "{}", run.stdout);
    drop(
        sandbox.kbsec(["audit", "diff", "HEAD~7"]).run().code(2).complains("is no commit of this repository"),
    );
}

#[test]
fn a_waiver_covers_what_was_accepted_and_nothing_wider() {
    let sandbox = workspace();
    let write = |pattern: &str| {
        let permissions =
            format!("{{ fs: {{ write: ['{pattern}'] }}, quotas: {{ timeoutMs: 1, memoryMb: 1 }} }}");
        plugin(&sandbox, "wide", &permissions);
    };
    let waive = |until: &str| {
        sandbox.write(
            "kbsec.toml",
            format!(
                "[[grant-waiver]]\nrule = 'control-plane'\nplugin = '@acme/wide'\ngrant = '.kb/**'\n\
                 reason = 'it manages the lock'\nowner = 'dana'\nexpires = {until}\n"
            ),
        );
    };
    waive("2099-01-31");
    write(".kb/**");
    drop(sandbox.kbsec(["audit"]).run().code(0).says("waived by dana until 2099-01-31: it manages the lock"));
    write(".kb/marketplace.lock");
    drop(sandbox.kbsec(["audit"]).run().code(0));
    write(".k*/**");
    drop(sandbox.kbsec(["audit"]).run().code(1).says("plugin/control-plane"));
    waive("2020-01-31");
    write(".kb/**");
    drop(sandbox.kbsec(["audit"]).run().code(1).says("its waiver expired after 2020-01-31"));
}

#[test]
fn permissions_are_narrowed_to_what_the_code_uses_and_written() {
    let sandbox = workspace();
    let permissions = "combinePermissions()\n    .with(kbPlatformPreset)\n    \
                       .withFs({ mode: 'read', allow: ['docs/**'] })\n    \
                       .withFs({ mode: 'readWrite', allow: ['**'] })\n    \
                       .withQuotas({ timeoutMs: 1_000, memoryMb: 256 })\n    .build()";
    plugin(&sandbox, "wide", permissions);
    let code = "import { join } from 'node:path';\nexport default { async execute(ctx, input) {\n\
                const mode = ctx.runtime.env('KB_MODE');\n\
                await ctx.runtime.fs.writeFile(join('out', `${input.name}.txt`), mode);\n} };\n";
    sandbox.write("plugins/wide/src/run.ts", code);
    let suggested = sandbox.kbsec(["audit", "suggest", "--json"]).run().code(1).json();
    let block = &suggested[0]["blocks"][0];
    assert_eq!(block["start"]["line"], 9, "{suggested:#}");
    assert!(block["old"].as_str().unwrap().starts_with("combinePermissions()"));
    let new = block["new"].as_str().unwrap();
    for part in ["write: ['out/**']", "read: ['KB_MODE']", "timeoutMs: 1000"] {
        assert!(new.contains(part), "{part}\n{new}");
    }
    assert!(!new.contains("'**'") && !new.contains(".kb/**"), "{new}");
    drop(
        sandbox.kbsec(["audit", "--fix"]).run().code(0).complains("narrowed: ./plugins/wide/src/manifest.ts"),
    );
    let manifest = std::fs::read_to_string(sandbox.path("plugins/wide/src/manifest.ts")).unwrap();
    assert!(manifest.contains(new) && !manifest.contains("Preset"), "{manifest}");
    let before = std::fs::read_to_string(sandbox.path("plugins/wide/src/manifest.ts.before-kbsec")).unwrap();
    assert!(before.contains(permissions));
    drop(sandbox.kbsec(["audit", "suggest"]).run().code(0).says("Nothing to narrow"));
}

#[test]
fn what_is_not_known_is_left_as_it_is() {
    let sandbox = workspace();
    plugin(&sandbox, "open", "{ env: { read: process.env.NAMES.split(',') }, fs: { write: ['**'] } }");
    plugin(&sandbox, "gone", "{ fs: { write: ['**'] } }");
    std::fs::remove_file(sandbox.path("plugins/gone/src/run.ts")).unwrap();
    let run = sandbox.kbsec(["audit", "suggest"]).run().code(0);
    assert!(run.stdout.contains("a part of it is not known before it runs"), "{}", run.stdout);
    assert!(run.stdout.contains("the code of a handler that gets it is not here"), "{}", run.stdout);
    // Shared with others: narrowed by nobody.
    plugin(&sandbox, "open", "GRANTS");
    sandbox.write(
        "shared/src/index.ts",
        "export const PATHS = [];\nexport const GRANTS = { fs: { write: ['**'] } };\n",
    );
    let manifest = std::fs::read_to_string(sandbox.path("plugins/open/src/manifest.ts")).unwrap();
    sandbox.write("plugins/open/src/manifest.ts", manifest.replace("{ PATHS }", "{ GRANTS }"));
    sandbox.write("plugins/open/src/run.ts", "export default { execute() {} };");
    let run = sandbox.kbsec(["audit", "suggest", "@acme/open"]).run().code(0);
    assert!(run.stdout.contains("it is not the plugin's alone"), "{}", run.stdout);
}

#[test]
fn sarif_has_fixes_for_literals() {
    let sandbox = workspace();
    plugin(&sandbox, "wide", "{ fs: { read: ['**'] }, quotas: { timeoutMs: 1, memoryMb: 1 } }");
    let report = sandbox.kbsec(["audit", "-f", "sarif"]).run().code(1).json();
    let results = report["runs"][0]["results"].as_array().unwrap();
    let wide = results.iter().find(|it| it["ruleId"] == "plugin/fs-everything").unwrap();
    let change = &wide["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["artifactLocation"]["uri"], "plugins/wide/src/manifest.ts");
    assert_eq!(change["replacements"][0]["insertedContent"]["text"], "'**/*'");
    let region = &change["replacements"][0]["deletedRegion"];
    assert_eq!(region["startLine"], 9);
    assert_eq!(region["endColumn"].as_u64().unwrap() - region["startColumn"].as_u64().unwrap(), 4);
}
