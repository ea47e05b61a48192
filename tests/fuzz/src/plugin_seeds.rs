//! Inputs to begin with: manifests as people write them, and patterns of every kind.

/// The seeds of a target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "manifest" => manifests(),
        "permission_pattern" => patterns(),
        _ => Vec::new(),
    }
}

fn manifests() -> Vec<Vec<u8>> {
    let head = "schema: 'kb.plugin/3', id: '@acme/a', version: '1.0.0'";
    let texts = [
        format!("export const manifest = {{ {head}, permissions: {{ fs: {{ write: ['**'] }} }} }};"),
        format!(
            "const a = ['x/**', ...b]; const b = [...a]; export default {{ {head}, permissions: {{ fs: {{ read: a }} }} }} as const;"
        ),
        format!(
            "import {{ combinePermissions as c, kbPlatformPreset as p }} from '@kb-labs/sdk';\n\
             export const manifest = {{ {head}, permissions: c().with(p).withFs({{ mode: 'read', allow: ['.'] }}).build() }};"
        ),
        format!(
            "export const manifest = {{ {head}, n: 1_000 * 2 ** x, t: `a${{b}}`, f: (x => x)(1)?.y ?? !z }};"
        ),
    ];
    let json = [
        "{ \"schema\": \"kb.plugin/3\", \"id\": \"@acme/a\", \"version\": \"1\", \"permissions\": { \"env\": { \"read\": [\"*\"] } } }",
        "{ \"schema\": \"kb.plugin/2\", \"a\": 1, \"a\": [[[]]] }",
    ];
    let typescript = texts.iter().map(|text| [&[0][..], text.as_bytes()].concat());
    typescript.chain(json.iter().map(|text| [&[1][..], text.as_bytes()].concat())).collect()
}

fn patterns() -> Vec<Vec<u8>> {
    let pairs = [
        (0, "https://*.vendor.io/*", "https://a.vendor.io/x"),
        (0, "https://api.vendor.io*", "https://api.vendor.io.evil.example/"),
        (1, "KB_*", "KB_TOKEN"),
        (1, "*_TOKEN", "KB_TOKEN"),
        (2, "git", "git"),
        (3, "*.vendor.io", "https://a.vendor.io/"),
        (4, "agent:", "agent:1"),
        (5, "flow-*", "flow-1"),
        (6, "**", "../x"),
        (6, "docs/**/*.md", "docs/a/b.md"),
        (6, "**/package.json", "package.json"),
        (6, ".", "a"),
    ];
    let joined = |(first, pattern, input): &(u8, &str, &str)| {
        [&[*first][..], format!("{pattern}\n{input}").as_bytes()].concat()
    };
    pairs.iter().map(joined).collect()
}
